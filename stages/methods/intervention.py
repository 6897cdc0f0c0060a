"""Intervention: the tokens of one region count by a factor, all else equal. An instrument, not a published method.

    weight = factor on tokens whose advantage has the sign `sign` and that the old policy sampled with a probability in
             [probability_from, probability_below); 1 elsewhere

It asks what a kind of token does to entropy while the clip, the number of updates and the denominator stay as they are:
factor 0 takes the kind's gradient away, −1 turns it round. The papers that this bench studies speak of the four quadrants of
sign and probability (2510.10150 Figs 6, 22, 23; 2602.09782 §3) and of the tokens with A > 0 (2511.05993 §7.2).

Defaults: this bench's choice; a run sets the region that it asks about.
Deviations from the paper: 2511.05993 and 2510.10150 leave such tokens out of the loss; here they stay in its denominator.
Reduces to GRPO at: factor 1.
"""

from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from stages import rl


class Intervention(rl.Method):
    class Settings(rl.Settings):
        sign: Literal["positive", "negative", "any"] = Field("positive", description="of the advantage")
        factor: float = Field(0.0, description="on the surrogate of the region's tokens")
        probability_from: float = Field(0.0, ge=0, le=1, description="of the old policy, included")
        probability_below: float | None = Field(None, gt=0, le=1, description="excluded; none: no bound")

        @model_validator(mode="after")
        def _holds_something(self) -> Self:
            if self.probability_below is not None and self.probability_below <= self.probability_from:
                raise ValueError(
                    f"probability_below: {self.probability_below} is not above probability_from "
                    f"{self.probability_from}; no token lies between them"
                )
            return self

    settings: Settings

    def token_weight(self, update: rl.Update) -> Tensor:
        settings, probability = self.settings, update.old_log_prob.exp()
        inside = probability >= settings.probability_from
        if settings.probability_below is not None:
            inside &= probability < settings.probability_below
        if settings.sign != "any":
            inside &= (update.advantages > 0) if settings.sign == "positive" else (update.advantages < 0)
        return torch.where(inside, settings.factor, torch.ones_like(update.advantages))
