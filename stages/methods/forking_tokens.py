"""80/20: only the fifth of tokens with the highest entropy is trained on (arXiv 2506.01939 §5.1, eq. 6).

    mask = H ≥ τ, the entropy above which the share ρ of the batch's tokens lies; the denominator counts kept tokens

Base: DAPO with all its switches, as in the paper (§5.2).

Variants (`variant`), because the paper speaks of the batch (eq. 6) and of the "(micro-)batch" (beside it):
  paper  over the mini-batch; ⌊ρ·n⌋ tokens of n, and all of equal H with the last of them.
  code   Shenzhi-Wang/Beyond-the-80-20-Rule-RLVR@92731584: over one micro-batch; exactly ⌈ρ·n⌉; with the
         launchers' dual clip 10 and their token-mean, which was the micro-batch's.

Defaults: ρ 0.2; H is the current policy's, which costs `paper` one pass without gradient a mini-batch;
`batch_statistics: old_policy` takes the old policy's.
Deviations from the paper: none known. `code` orders tokens of equal H at random, from the run's seed, and not by their
place in the batch.
Reduces to GRPO at: share 1, clip_ratio_high 0.2, dynamic_sampling false and overlong_shaping false; share 1 alone is
DAPO.
"""

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from stages import rl
from stages.methods.dapo import Dapo
from stages.rl.batch import uniform
from stages.rl.selection import top_tokens


class ForkingTokens(Dapo):
    class Settings(Dapo.Settings, rl.BatchStatisticsSettings):
        share: float = Field(0.2, gt=0, le=1, description="ρ, of tokens kept; 2506.01939 §5")
        variant: Literal["paper", "code"] = Field("paper", description="code takes the share over the micro-batch")

        variant_defaults: ClassVar = {"code": {"dual_clip": 10.0, "aggregation": "micro-batch-token-mean"}}

    settings: Settings

    selects = ("mask",)

    @property
    def batch_statistics(self) -> rl.BatchStatistics:
        return "micro_batch" if self.settings.variant == "code" else self.settings.batch_statistics

    def mask(self, mini_batch: rl.Update) -> Tensor:
        entropy = mini_batch.entropy[mini_batch.response_mask]
        if self.settings.variant == "code":
            count = max(1, int(len(entropy) * self.settings.share + 0.9999))
            ties = uniform(mini_batch, "forking_tokens")
            return top_tokens(mini_batch.entropy, mini_batch.response_mask, count, ties)
        kept = max(int(self.settings.share * len(entropy)), 1)
        threshold = entropy.kthvalue(len(entropy) - kept + 1).values
        return mini_batch.response_mask & (mini_batch.entropy >= threshold)
