"""SimKO: at uncertain tokens right answers share their gradient, wrong first choices pay more (arXiv 2510.14807).

    a token is uncertain if H > τ, the 80 % quantile of H over its response
    uncertain, right response   r ← (1 − α)·r + (α/K) Σ over the K likeliest tokens of sg(r/r_k)·r_k
    uncertain, A < 0, and the sampled token is the likeliest   A ← λ·A

then PPO's objective. Each term of the sum has the value of r and r times the gradient of log π_k, so r keeps its value
and its gradient is spread over the K likeliest tokens. H, the order of the tokens and their log π_k are the current
policy's.

Defaults: 80 %, α 0.01, K 3, λ 1.1, ε 0.2 without dual clip (the launcher and the loss of CLR-Lab/SimKO@306f4ff, whose
launcher calls the quantile tau).
Deviations from the paper: the trainer's default adds an entropy bonus of 1e-3, which is not part of this method. A token
whose log-prob is within 1e-4 of the largest counts as the likeliest, as the two are computed apart.
Reduces to GRPO at: mixing 0 and penalty 1.
"""

from dataclasses import replace

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from stages import rl
from stages.rl.ratio import clipped_objective, outside_clip
from stages.rl.selection import response_quantile


class Simko(rl.Method):
    sources = rl.Sources(left_out=("the entropy bonus of 1e-3",))

    class Settings(rl.Settings):
        quantile: float = Field(0.8, ge=0, le=1, description="of H in a response, above which a token is uncertain")
        mixing: float = Field(0.01, ge=0, le=1, description="α, share of the gradient that is spread; launcher")
        likeliest: PositiveInt = Field(3, description="K, tokens over which it is spread; launcher")
        penalty: float = Field(1.1, ge=0, description="λ, of wrong first choices; released loss")

    settings: Settings

    uses_logits = True
    selects = asked_in_loss = ("uncertain",)
    SAME_LOG_PROB = 1e-4  # nats

    def logit_terms(self, logits: Tensor) -> dict[str, Tensor]:
        """The sum of the K largest log-probs, with gradient, and the largest."""
        largest = logits.log_softmax(-1).topk(min(self.settings.likeliest, logits.shape[-1]), dim=-1).values
        return {"likeliest_log_prob": largest.mean(-1), "largest_log_prob": largest[..., 0].detach()}

    def uncertain(self, update: rl.Update) -> Tensor:
        """[B, T] bool."""
        entropy = update.entropy.detach()
        return update.response_mask & (
            entropy > response_quantile(entropy, update.response_mask, self.settings.quantile)
        )

    def penalised(self, update: rl.Update) -> rl.Update:
        """`update` with the larger advantages of wrong first choices."""
        first = update.log_prob.detach() >= update.logit_terms["largest_log_prob"] - self.SAME_LOG_PROB
        dearer = self.uncertain(update) & first & (update.advantages < 0)
        return replace(update, advantages=update.advantages + (self.settings.penalty - 1) * update.advantages * dearer)

    def surrogate(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        ratio, spread = update.ratio, update.logit_terms["likeliest_log_prob"]
        shared = ratio.detach() * (1 + spread - spread.detach())
        good = self.uncertain(update) & update.correct[:, None]
        mixed = torch.where(good, (1 - self.settings.mixing) * ratio + self.settings.mixing * shared, ratio)
        advantages = self.penalised(update).advantages
        return clipped_objective(mixed, advantages, clip_low, clip_high, self.settings.dual_clip)

    def clipped(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return outside_clip(update, clip_low, clip_high)
