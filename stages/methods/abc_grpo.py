"""ABC-GRPO: bounds on the ratio that hold whatever the sign of the advantage (arXiv 2601.03895).

    A > 0   maximise  clip(r, 1 − ε₂, 1 + ε₁)·A
    A ≤ 0   maximise  clip(r, 1 − ε₄, 1 + ε₃)·A

without PPO's minimum: a token beyond either bound gets no gradient, also where the update would bring it back. Such
tokens are logged by the sign of their advantage, whichever of its two bounds they are beyond.

Defaults: all four 0.2 (released configuration, chi2liu/ABC-GRPO@c40bbaf; the formula is the paper's).
Deviations from the paper: its average over each response first is the profile's to choose (`aggregation`).
Reduces to GRPO at: no setting; two of the four bounds are PPO's.
"""

import torch
from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.ratio import clip


class AbcGrpo(rl.Method):
    class Settings(rl.Settings):
        clip_ratio_high: float = Field(0.2, ge=0, description="ε₁, above, where A > 0; 2601.03895")
        clip_ratio_low: float = Field(0.2, ge=0, le=1, description="ε₂, below, where A > 0; 2601.03895")
        negative_clip_high: float = Field(0.2, ge=0, description="ε₃, above, where A ≤ 0; 2601.03895")
        negative_clip_low: float = Field(0.2, ge=0, le=1, description="ε₄, below, where A ≤ 0; 2601.03895")

    settings: Settings

    has_dual_clip = False

    def clip_range(self, update: rl.Update) -> tuple[Tensor, Tensor]:
        settings, positive = self.settings, update.advantages > 0
        low, high, negative_low, negative_high = update.advantages.new_tensor(
            [settings.clip_ratio_low, settings.clip_ratio_high, settings.negative_clip_low, settings.negative_clip_high]
        )
        return torch.where(positive, low, negative_low), torch.where(positive, high, negative_high)

    def surrogate(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return clip(update.ratio, clip_low, clip_high) * update.advantages

    def clipped(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return (update.ratio > 1 + clip_high) | (update.ratio < 1 - clip_low)
