"""CE-GPPO: gives clipped tokens a bounded gradient back (arXiv 2509.20712 §3.2, eq. 8).

    A < 0, r < 1 − ε_low     maximise  β_low·(1 − ε_low)·(r/sg(r))·A
    A > 0, r > 1 + ε_high    maximise  β_high·(1 + ε_high)·(r/sg(r))·A
    otherwise                maximise  r·A

Variants (`variant`):
  paper   the above: for A < 0 and large r nothing is clipped (§5.4).
  code    the released scripts: there the dual clip holds the value at 10·A, without gradient; and they add 0.1 × the
          negative log-likelihood of correct responses, a mean over their tokens in the micro-batch, which confounds the
          comparison. Their token-mean was the micro-batch's.

Defaults: β_low 0.75, β_high 1 (§5.2 for 7B; 0.5 and 1 for 1.5B), ε 0.2/0.2 (§4.1).
Deviations from the paper: none known.
Reduces to GRPO at: no setting; weight_low 0 and weight_high 0 give GRPO's gradient, but not its value.
"""

from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from stages import rl
from stages.rl.ratio import outside_clip
from stages.rl.selection import own_mean_scale


class CeGppo(rl.Method):
    class Settings(rl.Settings):
        weight_low: float = Field(0.75, ge=0, description="β_low (the paper's β₁); 2509.20712 for 7B, 0.5 for 1.5B")
        weight_high: float = Field(1.0, ge=0, description="β_high (the paper's β₂); 2509.20712")
        variant: Literal["paper", "code"] = Field("paper", description="code has a dual clip and a likelihood term")

        variant_defaults: ClassVar = {"code": {"dual_clip": 10.0, "aggregation": "micro-batch-token-mean"}}

        @model_validator(mode="after")
        def _mean_over_correct_responses_exists(self) -> Self:
            if self.variant == "code":
                rl.needs_token_mean(self)
            return self

    settings: Settings

    LIKELIHOOD_WEIGHT = 0.1  # released scripts

    def surrogate(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        settings, ratio, advantages = self.settings, update.ratio, update.advantages
        unit = ratio / ratio.detach()
        value = ratio * advantages
        if settings.dual_clip is not None:
            value = torch.where(advantages < 0, torch.maximum(value, settings.dual_clip * advantages), value)
        high = settings.weight_high * (1 + clip_high) * unit * advantages
        low = settings.weight_low * (1 - clip_low) * unit * advantages
        beyond = torch.where(advantages > 0, high, low)
        return torch.where(outside_clip(update, clip_low, clip_high), beyond, value)

    def clipped(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        weight = torch.where(update.advantages > 0, self.settings.weight_high, self.settings.weight_low)
        return outside_clip(update, clip_low, clip_high) & (weight == 0)

    def regulariser(self, update: rl.Update) -> Tensor | float:
        if self.settings.variant == "paper":
            return 0.0
        correct = update.correct[:, None] & update.response_mask
        return -self.LIKELIHOOD_WEIGHT * own_mean_scale(correct, update.response_mask) * update.log_prob * correct
