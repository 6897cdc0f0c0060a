"""DPPO: a bound on the change of the probability and not on its ratio (arXiv 2602.04879 §5, eq. 13; second-hand).

    r = π/μ,   μ the engine that sampled
    A > 0, π − μ > δ     surrogate 0
    A < 0, μ − π > δ     surrogate 0
    otherwise            maximise r·A
    loss + β·log² r

A ratio lets unlikely tokens move little and likely ones far; a difference of probabilities does the opposite. r and the
bound are taken to the engine's log-probs, not to those that the trainer computes again. Tokens of surrogate 0 stay in the
denominator.

Defaults: δ 0.2 on both sides (formula and constants second-hand: PrimeIntellect-ai/prime-rl@559b447 and
NovaSky-AI/SkyRL@a956457 agree on both); β 0. prime-rl sets β 1e-3, which it takes from another paper (2602.02276).
Deviations from the paper: its other divergences, a binary KL and sums over the K likeliest tokens, are not part of this
method; it finds no benefit in the latter (§G.2, second-hand).
Reduces to GRPO at: no setting; the bound is not the ratio's.
"""

from pydantic import Field
from torch import Tensor

from stages import rl


class Dppo(rl.Method):
    sources = rl.Sources(formula="second-hand", constants="second-hand", left_out=("the other divergences",))

    class Settings(rl.Settings):
        bound_low: float = Field(0.2, ge=0, le=1, description="δ where A < 0, probability; 2602.04879, second-hand")
        bound_high: float = Field(0.2, ge=0, le=1, description="δ where A > 0, probability; 2602.04879, second-hand")
        coefficient: float = Field(0.0, ge=0, description="β, of log² r per squared nat; 1e-3 in prime-rl")

    settings: Settings

    uses_engine_log_prob = True
    unread = ("clip_ratio_low", "clip_ratio_high")
    has_dual_clip = False
    selects = asked_in_loss = ("beyond",)

    def log_ratio(self, update: rl.Update) -> Tensor:
        """[B, T] ln π/μ, held within ±20."""
        return (update.log_prob - update.engine_log_prob).clamp(-20.0, 20.0)

    def surrogate(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return self.log_ratio(update).exp() * update.advantages * ~self.beyond(update)

    def clipped(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return self.beyond(update)

    def beyond(self, update: rl.Update) -> Tensor:
        """[B, T] bool: tokens whose probability has changed by more than the bound."""
        change, advantages = update.log_prob.detach().exp() - update.engine_log_prob.exp(), update.advantages
        too_high, too_low = change > self.settings.bound_high, change < -self.settings.bound_low
        return ((advantages > 0) & too_high) | ((advantages < 0) & too_low)

    def regulariser(self, update: rl.Update) -> Tensor | float:
        return self.settings.coefficient * self.log_ratio(update) ** 2 if self.settings.coefficient else 0.0
