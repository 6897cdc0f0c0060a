"""CISPO: clips the weight of a token's gradient and not the gradient (MiniMax-M1, arXiv 2506.13585 §3.1, eq. 4, 5).

    maximise  sg(clip(r, 1 − ε_low, 1 + ε_high))·A·log p

Every token keeps a gradient, so the clip fractions are 0 here (verl logs where the weight was held instead).

Defaults: ε_low 10, which is no lower bound, and ε_high 0.2 (verl's example; the paper has "a large value" and a tuned
ε_high without numbers: not published).
Deviations from the paper: DAPO's dynamic sampling and length penalty, which it adds, are not part of this method.
Reduces to GRPO at: no setting; at r = 1 the gradient is GRPO's.
"""

import torch
from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.ratio import clip


class Cispo(rl.Method):
    sources = rl.Sources(
        not_published=("clip_ratio_low", "clip_ratio_high"), left_out=("dynamic sampling", "the length penalty")
    )

    class Settings(rl.Settings):
        clip_ratio_low: float = Field(10.0, ge=0, description="ε_low; above 1 there is no lower bound")

    settings: Settings

    has_dual_clip = False

    def surrogate(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return clip(update.ratio, clip_low, clip_high).detach() * update.advantages * update.log_prob

    def clipped(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return torch.zeros_like(update.response_mask)
