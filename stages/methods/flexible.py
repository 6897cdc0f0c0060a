"""Flexible entropy control: clip widths that depend on the token's probability and on the step (arXiv 2602.09782 §4).

    Hi(p) = −0.25·p + 0.5      Lo(p) = −0.13·p + 0.3      ε_std = 0.2      λ = 1 − 2k/T

A wide upper bound for unlikely tokens raises entropy; a wide lower bound lowers it. Schedules (`variant`), as
published:

  increase_decrease           k ≤ T/2   ε_high = λ·Hi(p) + (1 − λ)·ε_std   ε_low = ε_std
                              k > T/2   ε_high = ε_std                     ε_low = (1 + λ)·Lo(p) − λ·ε_std
  decrease_increase_decrease  k ≤ T/2   ε_high = λ·ε_std + (1 − λ)·Hi(p)   ε_low = ε_std
                              k > T/2   ε_high = Hi(p)                     ε_low = (1 + λ)·Lo(p) − λ·ε_std
  oscillatory                 raising   ε_high = Hi(p)                     ε_low = ε_std
                              lowering  ε_high = ε_std                     ε_low = Lo(p)
                              after every step: raise if H ≤ 0.2·H_1, lower if H > τ(k), else go on;
                              τ(k) = 0.2·H_1 + 0.8·H_1·(1 − k/T)
  upper, lower                as oscillatory raises, or lowers, in every step: no schedule of the paper's, but one of the
                              two bounds by itself, which it makes claims about

The second half of the first two starts at Lo(p) and returns to ε_std. H is the entropy of the step, H_1 that of the
first.

Defaults: the constants above (2602.09782; second-hand transcriptions). p is the current policy's probability; whether
ε(p) is differentiated is not published: it is not here. Whether `oscillatory` raises or lowers first is not published:
it lowers.
Deviations from the paper: none known.
Scaling: the schedule runs over the run's own length T.
Reduces to GRPO at: high_slope 0, low_slope 0, high_width 0.2 and low_width 0.2.
"""

from typing import Literal

from pydantic import Field
from torch import Tensor

from stages import rl


class Flexible(rl.Method):
    sources = rl.Sources(
        constants="second-hand", not_published=("whether the widths are differentiated", "which way oscillatory starts")
    )

    class Settings(rl.Settings):
        variant: Literal["increase_decrease", "decrease_increase_decrease", "oscillatory", "upper", "lower"] = Field(
            "increase_decrease", description="schedule of the widths"
        )
        high_slope: float = Field(-0.25, description="α of Hi(p)")
        high_width: float = Field(0.5, ge=0, description="β of Hi(p)")
        low_slope: float = Field(-0.13, description="α of Lo(p)")
        low_width: float = Field(0.3, ge=0, le=1, description="β of Lo(p)")
        floor_of_start: float = Field(
            0.2,
            ge=0,
            le=1,
            description="oscillatory: raises at this share of H_1 and below",
            json_schema_extra=rl.read_where(variant=("oscillatory",)),
        )

    settings: Settings

    def clip_range(self, update: rl.Update) -> tuple[float | Tensor, float | Tensor]:
        settings, training_step = self.settings, update.training_step
        probability = update.log_prob.detach().exp()
        high = settings.high_slope * probability + settings.high_width
        low = settings.low_slope * probability + settings.low_width
        standard_low, standard_high = settings.clip_ratio_low, settings.clip_ratio_high
        if settings.variant in ("oscillatory", "upper", "lower"):
            raises = settings.variant == "upper" or training_step.state.get("raising")
            return (standard_low, high) if raises else (low, standard_high)
        remaining = 1 - 2 * training_step.step / training_step.total_steps  # λ: 1 → −1
        increases_first = settings.variant == "increase_decrease"
        if remaining >= 0:
            share = remaining if increases_first else 1 - remaining
            return standard_low, share * high + (1 - share) * standard_high
        low = (1 + remaining) * low - remaining * standard_low
        return low, standard_high if increases_first else high

    def initial_state(self) -> rl.State:
        return {"raising": 0, "first_entropy": 0.0} if self.settings.variant == "oscillatory" else {}

    def update_state(self, responses: rl.Responses, measured: dict[str, float]) -> rl.State:
        training_step, entropy = responses.training_step, measured["entropy"]
        if self.settings.variant != "oscillatory":
            return training_step.state
        raising, first = training_step.state["raising"], training_step.state["first_entropy"]
        if training_step.step == 1:
            first = entropy
        floor = self.settings.floor_of_start * first
        ceiling = floor + (first - floor) * (1 - training_step.step / training_step.total_steps)
        if entropy <= floor:
            raising = 1
        elif entropy > ceiling:
            raising = 0
        return {"raising": raising, "first_entropy": first}
