"""OPEFO: balances the updates that raise the entropy with those that lower it (arXiv 2605.11491 eq. 6–9; second-hand).

    d = −A·(1 − p)²·(log p + H)               estimated entropy change of a token's update (eq. 6)
    D⁺ = sum of the positive d,  D⁻ = sum of the negative d
    λ = (|D⁻| − D⁺) / (|D⁻| + D⁺);   tokens with d > 0 count 1 + λ, those with d < 0 count 1 − λ

so that (1 + λ)·D⁺ = (1 − λ)·|D⁻|. Sums run over the optimiser's mini-batch.

Defaults: strictly on-policy, one update a step. The power of 1 − p follows from a published counterexample to eq. 6:
for p (.8, .2) and A (.2, −.8) it prints −.115340, which is the mean of (1 − p)² and of no lower power.
Deviations from the paper: d is taken on the old policy, which is the current one as long as there is one update a step.
Its learning rate of 2.83e-6 for one update, against its baselines' 1e-6 for eight, is the profile's to set.
Reduces to GRPO at: no setting; where D⁺ and |D⁻| are equal, λ is 0 and the update is GRPO's.
"""

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from stages import rl


class Opefo(rl.Method):
    sources = rl.Sources(formula="second-hand")

    class Settings(rl.Settings):
        updates_per_step: PositiveInt | None = Field(1, description="strictly on-policy; 2605.11491")

    settings: Settings

    @property
    def batch_statistics(self) -> rl.BatchStatistics:
        return "old_policy"

    def entropy_change(self, update: rl.Update) -> Tensor:
        """[B, T] the estimated entropy change of each token's update, up to a common factor; 0 on padding."""
        other = 1 - update.old_log_prob.exp()
        change = -update.advantages * other**2 * (update.old_log_prob + update.old_entropy)
        return torch.where(update.response_mask, change, 0.0)

    def statistics(self, mini_batch: rl.Update) -> dict[str, Tensor]:
        change = self.entropy_change(mini_batch)
        raised, lowered = change.clamp(min=0).sum(), -change.clamp(max=0).sum()
        balance = (lowered - raised) / (lowered + raised)
        return {"balance": torch.where(lowered + raised > 0, balance, 0.0)}

    def token_weight(self, update: rl.Update) -> Tensor:
        return 1 + update.statistics["balance"] * self.entropy_change(update).sign()
