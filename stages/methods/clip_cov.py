"""Clip-Cov: no gradient for a few random tokens whose covariance is high (arXiv 2505.22617 §4.2, eq. 10–12).

    c = (A − mean A)(log p − mean log p)
    of the tokens with ω_low < c < ω_high a random share of all tokens gets surrogate 0

The entropy falls by the covariance of advantage and log-prob, and few tokens carry most of it. Zeroed tokens stay in
the denominator of the mean.

Variants (`variant`):
  paper   means and selection over the optimiser's mini-batch, ⌊share·n⌋ of its n tokens: none of a very small one.
  verl    verl 0.9.1 and the released code: over one micro-batch, at least one token, and none that PPO clipped already.

Defaults: share 2e-4, 1 < c < 5 (§4.3); PPO clip 1/1, which still clips A>0 at r>2; no dual clip (released scripts; eq.
12 has no clip, Listing 1 one without numbers). verl's own PPO clip would be 0.2. The covariance of `paper` with
`batch_statistics: current_policy` costs one pass without gradient a mini-batch.
Deviations from the paper: its filter of groups with equal rewards (§4.3) is not part of this method. The random choice
is drawn from the run's seed and each token's place, not from torch's global generator.
Reduces to GRPO at: covariance_low = covariance_high, clip_ratio_low 0.2 and clip_ratio_high 0.2.
"""

from typing import Literal

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
        variant: Literal["paper", "verl"] = Field("paper", description="verl selects within the micro-batch")

    settings: Settings

    @property
    def batch_statistics(self) -> rl.BatchStatistics:
        return "micro_batch" if self.settings.variant == "verl" else self.settings.batch_statistics

    def selected(self, batch: rl.Update) -> Tensor:
        """[B, T] bool: the tokens of `batch` that get surrogate 0."""
        settings, covariance = self.settings, token_covariance(batch.advantages, batch.log_prob, batch.response_mask)
        candidates = (covariance > settings.covariance_low) & (covariance < settings.covariance_high)
        candidates &= batch.response_mask
        count = int(settings.share * int(batch.response_mask.sum()))
        if settings.variant == "verl":
            candidates, count = candidates & ~outside_clip(batch, *self.clip_range(batch)), max(count, 1)
        noise = uniform(batch, "clip_cov")
        return top_tokens(noise, candidates, count, ties=noise)

    def statistics(self, mini_batch: rl.Update) -> dict[str, Tensor]:
        return {"zeroed": self.selected(mini_batch)}

    def surrogate(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return super().surrogate(update, clip_low, clip_high) * ~update.statistics["zeroed"]

    def clipped(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return outside_clip(update, clip_low, clip_high) | update.statistics["zeroed"]
