"""Clip_B: leaves out wrong tokens whose entropy score is extremely low (arXiv 2602.03392, from Theorem 3.3).

    S = p·(H + log p);   tokens with A < 0 and S − mean S < −μ·σ are masked,   σ = std S

Defaults: μ 2.5. Mean and σ run over all tokens of the mini-batch under the current policy, which costs one pass without
gradient; `batch_statistics: old_policy` takes the old policy.
Deviations from the paper: none known. The released code takes the statistics once a step, over the whole batch and the
old policy; `batch_statistics: old_policy` takes the old policy's over a mini-batch. Masked tokens leave the denominator
there, too.
Reduces to GRPO at: a mu so large that no token is masked.
"""

from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.batch import masked_mean
from stages.rl.selection import deviation


class ClipB(rl.Method):
    class Settings(rl.BatchStatisticsSettings):
        mu: float = Field(2.5, gt=0, description="μ, standard deviations; 2602.03392")

    settings: Settings

    selects = ("mask",)

    def mask(self, mini_batch: rl.Update) -> Tensor:
        mask = mini_batch.response_mask
        score = mini_batch.log_prob.exp() * (mini_batch.entropy + mini_batch.log_prob)
        extreme = score - masked_mean(score, mask) < -self.settings.mu * deviation(score, mask)
        return mask & ~(extreme & (mini_batch.advantages < 0))
