"""BAPO: PPO's bounds move until good responses have their share of the update (arXiv 2510.18927, WooooDyy/BAPO@7287044).

    contribution of a token   min(r, c_high)·A where A ≥ 0,   max(r, c_low)·A where A < 0
    c_low rises from its start in steps to its maximum, then c_high likewise, until
    Σ positive contributions / Σ |all contributions| ≥ ρ;   then PPO's clip with these bounds, and a dual clip

The sums run over the optimiser's mini-batch under the current policy, which costs one pass without gradient.

Defaults: ρ 0.5, c_low from 0.6 to 0.9, c_high from 1.2 to 3 (the paper's, as the README gives them), both in steps of
0.05 and dual clip 3 (the released configuration, which stops at 0.8 and 2). The code asks for a quotient of positive and
negative contributions, 1 in its configuration, which is a share of 0.5; its example script sets a quotient of 0.5.
Deviations from the paper: the code searches anew for every micro-batch, with sums over the ranks; here once for the
mini-batch. `batch_statistics: old_policy`, where every r is 1, finds the bounds of the first update.
Reduces to GRPO at: positive_share 0, lower_start 0.8, upper_start 1.2 and dual_clip null.
"""

from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from stages import rl


class Bapo(rl.Method):
    unread = ("clip_ratio_low", "clip_ratio_high")

    class Settings(rl.BatchStatisticsSettings):
        dual_clip: float | None = Field(3.0, gt=1, description="c; released code")
        positive_share: float = Field(0.5, ge=0, lt=1, description="ρ; 2510.18927")
        lower_start: float = Field(0.6, ge=0, le=1, description="c_low at first; 2510.18927")
        lower_max: float = Field(0.9, ge=0, le=1, description="c_low at most; 2510.18927")
        lower_step: float = Field(0.05, gt=0, description="of c_low; released configuration")
        upper_start: float = Field(1.2, ge=1, description="c_high at first; 2510.18927")
        upper_max: float = Field(3.0, ge=1, description="c_high at most; 2510.18927")
        upper_step: float = Field(0.05, gt=0, description="of c_high; released configuration")

        @model_validator(mode="after")
        def _bounds_are_ordered(self) -> Self:
            for side in ("lower", "upper"):
                start, largest = (getattr(self, f"{side}_{end}") for end in ("start", "max"))
                if largest < start:
                    raise ValueError(f"{side}_max: {largest} is below {side}_start {start}; give at least that")
            return self

    settings: Settings

    def statistics(self, mini_batch: rl.Update) -> dict[str, Tensor]:
        """The two bounds of the ratio."""
        settings = self.settings
        low, high = settings.lower_start, settings.upper_start
        while low < settings.lower_max and self.share(mini_batch, low, high) < settings.positive_share:
            low = min(low + settings.lower_step, settings.lower_max)
        while high < settings.upper_max and self.share(mini_batch, low, high) < settings.positive_share:
            high = min(high + settings.upper_step, settings.upper_max)
        return {name: mini_batch.advantages.new_tensor(bound) for name, bound in (("lower", low), ("upper", high))}

    def share(self, mini_batch: rl.Update, low: float, high: float) -> float:
        """Of the sizes of all contributions, the positive ones; 1 where there are none."""
        ratio, advantages = mini_batch.ratio, mini_batch.advantages
        held = torch.where(advantages >= 0, ratio.clamp(max=high), ratio.clamp(min=low))
        contribution = torch.where(mini_batch.response_mask, held * advantages, 0.0).double()
        total = contribution.abs().sum()
        return (contribution.clamp(min=0).sum() / total).item() if total > 0 else 1.0

    def clip_range(self, update: rl.Update) -> tuple[Tensor, Tensor]:
        return 1 - update.statistics["lower"], update.statistics["upper"] - 1
