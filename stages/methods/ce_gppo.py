"""CE-GPPO: gives clipped tokens a bounded gradient back (arXiv 2509.20712).

    A < 0, r < 1 − ε_low     maximise  β_low·(1 − ε_low)·(r/sg(r))·A
    A > 0, r > 1 + ε_high    maximise  β_high·(1 + ε_high)·(r/sg(r))·A
    otherwise                maximise  r·A;  dual clip: for A < 0 not below c·A

Variants (`variant`):
  paper   the above.
  code    the released scripts: adds 0.1 × the negative log-likelihood of correct responses, a mean over their tokens in the
          micro-batch. It confounds the comparison. The mean is one over tokens only with the default aggregation.

Defaults: β_low 0.75, β_high 1 (2509.20712 for 7B; 0.5 and 1 for 1.5B), ε 0.2/0.2, c 10 (released code). With A < 0 and
r > 10 the value is 10·A without gradient.
Departures: none known.
Neutral setting: with both β 0 the gradient, not the value, is that of GRPO with dual clip 10.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from stages.methods import base
from stages.surrogate.ratio import outside_clip
from stages.surrogate.selection import own_mean_scale


class CeGppo(base.Method):
    class Settings(base.Settings):
        dual_clip: float | None = Field(10.0, gt=1, description="c; released code")
        weight_low: float = Field(0.75, ge=0, description="β_low (the paper's β₁); 2509.20712 for 7B, 0.5 for 1.5B")
        weight_high: float = Field(1.0, ge=0, description="β_high (the paper's β₂); 2509.20712")
        variant: Literal["paper", "code"] = Field("paper", description="code adds the likelihood of correct responses")

    LIKELIHOOD_WEIGHT = 0.1  # released scripts

    def surrogate(self, update: base.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        settings, ratio, advantages = self.settings, update.ratio, update.advantages
        unit = ratio / ratio.detach()
        value = ratio * advantages
        if settings.dual_clip is not None:
            value = torch.where(advantages < 0, torch.maximum(value, settings.dual_clip * advantages), value)
        high = settings.weight_high * (1 + clip_high) * unit * advantages
        low = settings.weight_low * (1 - clip_low) * unit * advantages
        beyond = torch.where(advantages > 0, high, low)
        return torch.where(outside_clip(update, clip_low, clip_high), beyond, value)

    def clipped(self, update: base.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        weight = torch.where(update.advantages > 0, self.settings.weight_high, self.settings.weight_low)
        return outside_clip(update, clip_low, clip_high) & (weight == 0)

    def regulariser(self, update: base.Update) -> Tensor | float:
        if self.settings.variant == "paper":
            return 0.0
        correct = update.correct[:, None] & update.response_mask
        return -self.LIKELIHOOD_WEIGHT * own_mean_scale(correct, update.response_mask) * update.log_prob * correct
