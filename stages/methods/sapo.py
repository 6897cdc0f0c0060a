"""SAPO: a soft gate around ratio 1 in place of the clip (arXiv 2511.20347 eq. 5, 6, second-hand; verl 0.9.1).

    maximise  (4/τ)·σ(τ·(r − 1))·A,   τ = τ_pos if A > 0 else τ_neg

The weight of a token's gradient is 4·σ(1 − σ)·r·A: that of r·A at r = 1, and fading smoothly away from it. No token
loses its gradient altogether, so the clip widths have no effect and the clip fractions are 0.

Defaults: τ_pos 1.0, τ_neg 1.05, mean over each response first (2511.20347; the same in verl 0.9.1, which ignores its
`loss_agg_mode` here).
Deviations from the paper: none known.
Reduces to GRPO at: no setting; at r = 1 the gradient is GRPO's with the same aggregation.
"""

import torch
from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.aggregation import Aggregation


class Sapo(rl.Method):
    sources = rl.Sources(formula="in part second-hand")

    class Settings(rl.Settings):
        aggregation: Aggregation = Field("seq-mean-token-mean", description="2511.20347")
        temperature_positive: float = Field(1.0, gt=0, description="τ where A > 0; 2511.20347")
        temperature_negative: float = Field(1.05, gt=0, description="τ where A ≤ 0; 2511.20347")

    settings: Settings

    unread = ("clip_ratio_low", "clip_ratio_high")
    has_dual_clip = False

    def surrogate(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        settings, advantages = self.settings, update.advantages
        temperature = torch.full_like(advantages, settings.temperature_negative)
        temperature[advantages > 0] = settings.temperature_positive
        return 4.0 / temperature * torch.sigmoid(temperature * (update.ratio - 1.0)) * advantages

    def clipped(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return torch.zeros_like(update.response_mask)
