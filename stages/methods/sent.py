"""SENT: a KL penalty on sure tokens, by their covariance (Semantic and Token Entropy, arXiv 2512.04359; second-hand).

    loss + β·k3(π ‖ π_ref),   β = 0       for tokens with H ≥ τ_H
                              β = β_high  for the others with c > τ_c,   c = (A − mean A)(log p − mean log p)
                              β = β_low   for the rest

H and p are the current policy's; the means of c are over all tokens of the mini-batch, which costs one pass without
gradient.

Defaults: none of the four constants is published in what was read.
Deviations from the paper: the order of its training data, from low to high semantic entropy, is not part of this method
(how that is computed is not in its repository). It averages each response first. Its released loss is another one:
`sent_released`.
Reduces to GRPO at: coefficient_low 0 and coefficient_high 0.
"""

import torch
from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.ratio import k3
from stages.rl.selection import token_covariance


class Sent(rl.Method):
    sources = rl.Sources(
        formula="second-hand",
        not_published=("entropy_threshold", "covariance_threshold", "coefficient_low", "coefficient_high"),
        left_out=("the order of the data by semantic entropy",),
    )

    class Settings(rl.BatchStatisticsSettings):
        entropy_threshold: float = Field(description="τ_H in nats; not published")
        covariance_threshold: float = Field(description="τ_c in nats; not published")
        coefficient_low: float = Field(ge=0, description="β_low per nat; not published")
        coefficient_high: float = Field(ge=0, description="β_high per nat; not published")

    settings: Settings

    @property
    def reference(self) -> rl.Reference:
        return "initial"

    selects = ("coefficient",)

    def coefficient(self, mini_batch: rl.Update) -> Tensor:
        """β of each token, [B, T]."""
        settings = self.settings
        covariance = token_covariance(mini_batch.advantages, mini_batch.log_prob, mini_batch.response_mask)
        high = covariance > settings.covariance_threshold
        held = torch.where(high, settings.coefficient_high, settings.coefficient_low).to(covariance.dtype)
        return held * (mini_batch.entropy < settings.entropy_threshold)

    def statistics(self, mini_batch: rl.Update) -> dict[str, Tensor]:
        return {"coefficient": self.coefficient(mini_batch)}

    def regulariser(self, update: rl.Update) -> Tensor:
        return update.statistics["coefficient"] * k3(update.log_prob, update.reference_log_prob)
