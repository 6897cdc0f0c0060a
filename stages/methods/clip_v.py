"""Clip_V: leaves out wrong tokens whose entropy score is far below what the vocabulary expects (arXiv 2602.03392).

    S = p·(H + log p),   E = Σ_x p_x²·(H + log p_x);   tokens with A < 0 and E − S > μ·σ are masked, the most extreme
    first and at most ρ of all tokens

Defaults: μ 8.5, ρ 1e-4. That E is the mean of S under the policy itself is inferred from its name; what σ deviates is
not published, here it is E − S over the tokens of the mini-batch. S and E are the current policy's; E needs the whole
distribution, hence the logits and one pass without gradient a mini-batch.
Departures: whether masked tokens leave the denominator is not published; they do here.
Neutral setting: share 0 is GRPO.
"""

from typing import Literal

from torch import Tensor

from stages.methods import base
from stages.surrogate.batch import uniform
from stages.surrogate.selection import deviation, top_tokens


class ClipV(base.Method):
    class Settings(base.Settings):
        mu: float = base.Field(8.5, gt=0, description="μ, standard deviations; 2602.03392")
        share: float = base.Field(1e-4, ge=0, le=1, description="ρ, most of all tokens that may be masked; 2602.03392")

    uses_logits = True

    @property
    def looks_ahead(self) -> Literal["current"]:
        return "current"

    def logit_terms(self, logits: Tensor) -> dict[str, Tensor]:
        log_prob = logits.detach().log_softmax(-1)
        probability = log_prob.exp()
        entropy = -(probability * log_prob).sum(-1, keepdim=True)
        return {"expected_score": (probability**2 * (entropy + log_prob)).sum(-1)}

    def mask(self, mini_batch: base.Update) -> Tensor:
        mask, log_prob = mini_batch.response_mask, mini_batch.log_prob
        excess = mini_batch.logit_terms["expected_score"] - log_prob.exp() * (mini_batch.entropy + log_prob)
        extreme = mask & (excess > self.settings.mu * deviation(excess, mask)) & (mini_batch.advantages < 0)
        count = int(self.settings.share * mask.sum())
        return mask & ~top_tokens(excess, extreme, count, ties=uniform(mini_batch, "clip_v"))
