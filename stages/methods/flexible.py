"""Flexible entropy control: clip widths that depend on the token's probability and on the step (arXiv 2602.09782).

    Hi(p) = −0.25·p + 0.5      Lo(p) = −0.13·p + 0.3      ε_std = 0.2      λ = 1 − 2k/T

increase-then-decrease, the schedule offered here:

    k ≤ T/2   ε_high = λ·Hi(p) + (1 − λ)·ε_std    ε_low = ε_std
    k > T/2   ε_high = ε_std                      ε_low = (1 + λ)·Lo(p) − λ·ε_std

A wide upper bound for unlikely tokens raises entropy in the first half; a wide lower bound lets it fall in the second.
As published, the second half starts at Lo(p) and returns to ε_std.

Defaults: the constants above (2602.09782; second-hand transcriptions). p is the current policy's probability; whether
ε(p) is differentiated is not published: it is not here.
Scaling: the schedule runs over the run's own length T.
Neutral setting: none by these constants (slopes 0 and all widths 0.2 is GRPO).
"""

from pydantic import Field
from torch import Tensor

from stages.methods import base


class Flexible(base.Method):
    class Settings(base.Settings):
        high_slope: float = Field(-0.25, description="α of Hi(p)")
        high_width: float = Field(0.5, ge=0, description="β of Hi(p)")
        low_slope: float = Field(-0.13, description="α of Lo(p)")
        low_width: float = Field(0.3, ge=0, le=1, description="β of Lo(p)")

    def clip_range(self, update: base.Update) -> tuple[float | Tensor, float | Tensor]:
        settings, progress = self.settings, update.progress
        probability = update.log_prob.detach().exp()
        remaining = 1 - 2 * progress.step / progress.total_steps  # λ: 1 → −1
        if remaining >= 0:
            high = settings.high_slope * probability + settings.high_width
            return settings.clip_ratio_low, remaining * high + (1 - remaining) * settings.clip_ratio_high
        low = settings.low_slope * probability + settings.low_width
        return (1 + remaining) * low - remaining * settings.clip_ratio_low, settings.clip_ratio_high
