"""STEER: weights a token by how much its update is estimated to change the entropy (arXiv 2510.10150).

    m = |r·A·(1 − p)·(log p + H)|            p, H of the token
    weight = exp(−α·m / max m),  α = −ln λ_min

so the token with the largest estimated change counts λ_min and one with none counts 1.

Variants (`variant`), which differ in what the sources say:
  paper   arXiv v4 / ACL 2026: m is 0 where PPO's clip removes the gradient, the maximum runs over the batch (the
          optimiser's mini-batch here), λ_min 0.7. How Ω follows from δ(a|s) is not published; taken is
          Ω = I_clip·r·A·(1 − p)(log p + H).
  code    zz-haooo/STEER@b31df716: no I_clip; the scale is max(max m, 0.02), the maximum over one micro-batch; the
          ratio's denominator is held at 1e-8; the weight is held in [λ_min, 1]. Its launcher sets λ_min 0.8,
          ε_high 0.28: set them for a replay.

Defaults: λ_min 0.7 (2510.10150), clip 0.2/0.28 and dual clip 10 (the released launcher). p is the current policy's; H
is the old policy's, as in the code. The maximum of `paper` costs one pass without gradient a mini-batch.
Neutral setting: weight_min 1 is Clip-Higher with dual clip 10.
"""

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from stages.methods import base
from stages.surrogate.ratio import outside_clip


class Steer(base.Method):
    class Settings(base.StatisticsSettings):
        clip_ratio_high: float = Field(0.28, ge=0, description="ε_high; released launcher")
        dual_clip: float | None = Field(10.0, gt=1, description="c; released code")
        weight_min: float = Field(0.7, gt=0, le=1, description="λ_min; 2510.10150 v4 (0.8 in the launcher)")
        variant: Literal["paper", "code"] = "paper"

    CODE_SMALLEST_SCALE = 0.02  # zz-haooo/STEER@b31df716

    @property
    def looks_ahead(self):
        return "never" if self.settings.variant == "code" else self.settings.statistics

    def entropy_change(self, update: base.Update) -> Tensor:
        """[B, T] the estimated size of each token's entropy change, 0 on padding; without gradient."""
        log_prob, probability = update.log_prob.detach(), update.log_prob.detach().exp()
        if self.settings.variant == "paper":
            ratio = update.ratio.detach() * ~outside_clip(update, *self.clip_range(update))
        else:
            ratio = probability / update.old_log_prob.exp().clamp(1e-8, 1.0)
        change = ratio * update.advantages * (1 - probability) * (log_prob + update.old_entropy)
        return change.abs() * update.response_mask

    def statistics(self, mini_batch: base.Update) -> dict[str, Tensor]:
        return {"largest_change": self.entropy_change(mini_batch).max()}

    def token_weight(self, update: base.Update) -> Tensor:
        change = self.entropy_change(update)
        if self.settings.variant == "paper":
            scale = update.statistics["largest_change"].clamp(min=torch.finfo(change.dtype).tiny)  # 0 if every A is
        else:
            scale = change.max().clamp(min=self.CODE_SMALLEST_SCALE)
        return torch.exp(math.log(self.settings.weight_min) * change / scale).clamp(self.settings.weight_min, 1.0)
