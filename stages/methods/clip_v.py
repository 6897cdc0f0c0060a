"""Clip_V: leaves out wrong tokens whose entropy score is far below its mean (arXiv 2602.03392, from Theorem 3.3).

    S = p·(H + log p),   E = Σ_x p_x²·(H + log p_x),   σ = std (E − S)
    tokens with A < 0 and E − S > μ·σ are masked, the most extreme first, and at most ρ of all tokens (but one if any)

E is the mean of S under the policy itself. S and E are the current policy's; E needs the whole distribution, hence the
logits and one pass without gradient a mini-batch.

Defaults: μ 8.5, ρ 1e-4 (the released code).
Deviations from the paper: none known. The released code takes the statistics once a step, over the whole batch and the
old policy. Masked tokens leave the denominator there, too.
Reduces to GRPO at: share 0.
"""

from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.batch import uniform
from stages.rl.selection import deviation, top_tokens


class ClipV(rl.Method):
    class Settings(rl.Settings):
        mu: float = Field(8.5, gt=0, description="μ, standard deviations; 2602.03392")
        share: float = Field(1e-4, ge=0, le=1, description="ρ, most of all tokens that may be masked; 2602.03392")

    settings: Settings

    selects = ("mask",)

    uses_logits = True

    @property
    def batch_statistics(self) -> rl.BatchStatistics:
        return "current_policy"

    def logit_terms(self, logits: Tensor) -> dict[str, Tensor]:
        log_prob = logits.detach().log_softmax(-1)
        probability = log_prob.exp()
        entropy = -(probability * log_prob).sum(-1, keepdim=True)
        return {"expected_score": (probability**2 * (entropy + log_prob)).sum(-1)}

    def mask(self, mini_batch: rl.Update) -> Tensor:
        mask, log_prob = mini_batch.response_mask, mini_batch.log_prob
        excess = mini_batch.logit_terms["expected_score"] - log_prob.exp() * (mini_batch.entropy + log_prob)
        extreme = mask & (excess > self.settings.mu * deviation(excess, mask)) & (mini_batch.advantages < 0)
        count = max(int(self.settings.share * mask.sum()), 1) if self.settings.share else 0
        return mask & ~top_tokens(excess, extreme, count, ties=uniform(mini_batch, "clip_v"))
