"""Clip-Cov: no gradient for a few random tokens whose covariance is high (arXiv 2505.22617 §4.2, eq. 10–12).

    c = (A − mean A)(log p − mean log p)
    of the tokens with ω_low < c < ω_high a random share of all tokens gets surrogate 0

The entropy falls by the covariance of advantage and log-prob, and few tokens carry most of it. Zeroed tokens stay in
the denominator of the mean.

Variants (`variant`):
  paper   means and selection over the optimiser's mini-batch, ⌊share·n⌋ of its n tokens: none of a very small one.
  verl    verl 0.9.1: over one micro-batch, at least one token, and none that PPO clipped already; the loss is a mean over
          the mini-batch. It has verl's own PPO clip, 0.2.
  code    PRIME-RL/Entropy-Mechanism-of-RL@88505797: the same with PPO clip 1/1, and a mean over the micro-batch.

Defaults: share 2e-4, 1 < c < 5 (§4.3); PPO clip 1/1, which still clips A>0 at r>2; no dual clip (released scripts, whose
loss ignores their clip_ratio_c; eq. 12 has no clip, Listing 1 one without numbers). The covariance of `paper` with
`batch_statistics: current_policy` costs one pass without gradient a mini-batch.
Deviations from the paper: its filter of groups with equal rewards (§4.3) is not part of this method. The random choice
is drawn from the run's seed and each token's place, not from torch's global generator.
Reduces to GRPO at: covariance_low = covariance_high, clip_ratio_low 0.2 and clip_ratio_high 0.2.
"""

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.batch import uniform
from stages.rl.ratio import outside_clip
from stages.rl.selection import token_covariance, top_tokens


class ClipCov(rl.Method):
    sources = rl.Sources(left_out=("the filter of groups with equal rewards",))

    class Settings(rl.BatchStatisticsSettings):
        clip_ratio_low: float = Field(1.0, ge=0, le=1, description="ε_low; released scripts")
        clip_ratio_high: float = Field(1.0, ge=0, description="ε_high; released scripts")
        share: float = Field(2e-4, gt=0, le=1, description="of all tokens, the most that are zeroed; 2505.22617")
        covariance_low: float = Field(1.0, description="ω_low in nats; 2505.22617")
        covariance_high: float = Field(5.0, description="ω_high in nats; 2505.22617")
        variant: Literal["paper", "verl", "code"] = Field(
            "paper", description="verl and code select within the micro-batch"
        )

        variant_defaults: ClassVar = {
            "verl": {"clip_ratio_low": 0.2, "clip_ratio_high": 0.2},
            "code": {"aggregation": "micro-batch-token-mean"},
        }

    settings: Settings

    selects = ("selected",)

    @property
    def batch_statistics(self) -> rl.BatchStatistics:
        return self.settings.batch_statistics if self.settings.variant == "paper" else "micro_batch"

    def selected(self, batch: rl.Update) -> Tensor:
        """[B, T] bool: the tokens of `batch` that get surrogate 0."""
        settings, covariance = self.settings, token_covariance(batch.advantages, batch.log_prob, batch.response_mask)
        candidates = (covariance > settings.covariance_low) & (covariance < settings.covariance_high)
        candidates &= batch.response_mask
        count = int(settings.share * int(batch.response_mask.sum()))
        if settings.variant != "paper":
            candidates, count = candidates & ~outside_clip(batch, *self.clip_range(batch)), max(count, 1)
        noise = uniform(batch, "clip_cov")
        return top_tokens(noise, candidates, count, ties=noise)

    def statistics(self, mini_batch: rl.Update) -> dict[str, Tensor]:
        return {"zeroed": self.selected(mini_batch)}

    def surrogate(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return super().surrogate(update, clip_low, clip_high) * ~update.statistics["zeroed"]

    def clipped(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return outside_clip(update, clip_low, clip_high) | update.statistics["zeroed"]
