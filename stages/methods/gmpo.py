"""GMPO: the geometric mean of the clipped token ratios of a response (arXiv 2507.20673 §3, eq. 4).

    maximise  A·exp(mean over the response of l),   l = min(log r, ε_high) if A > 0 else max(log r, −ε_low)

Variants (`variant`):
  paper   the mean over the responses of the mini-batch.
  verl    `geo_mean` of verl 0.9.1: the mean over the responses of the micro-batch, whatever the mini-batch holds, so
          that the gradient grows with the number of micro-batches; with verl's default widths, 0.2.

Defaults: ε 0.4 on both sides of the log-ratio, a ratio in [e^−0.4, e^0.4] (2507.20673).
Deviations from the paper: none known. verl's gradient is also divided by the number of ranks, which the variant `verl`
does not repeat.
Reduces to GRPO at: no setting; at r = 1 the gradient is that of GRPO with seq-mean-token-mean.
"""

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.aggregation import Aggregation
from stages.rl.batch import response_mean


class Gmpo(rl.Method):
    class Settings(rl.Settings):
        clip_ratio_low: float = Field(0.4, ge=0, description="ε_low of the log-ratio; 2507.20673")
        clip_ratio_high: float = Field(0.4, ge=0, description="ε_high of the log-ratio; 2507.20673")
        aggregation: Aggregation = Field("seq-mean-token-mean", description="2507.20673: the mean is over responses")
        variant: Literal["paper", "verl"] = Field("paper", description="verl averages over the micro-batch")

        variant_defaults: ClassVar = {"verl": {"clip_ratio_low": 0.2, "clip_ratio_high": 0.2}}

    settings: Settings

    has_dual_clip = False

    @property
    def batch_statistics(self) -> rl.BatchStatistics:
        return "old_policy" if self.settings.variant == "verl" else "none"

    def statistics(self, mini_batch: rl.Update) -> dict[str, Tensor]:
        return {"responses": mini_batch.response_mask.any(-1).sum()} if self.settings.variant == "verl" else {}

    def clip_range(self, update: rl.Update) -> tuple[float, float]:
        return -math.expm1(-self.settings.clip_ratio_low), math.expm1(self.settings.clip_ratio_high)

    def surrogate(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        log_ratio, advantages = update.log_ratio, update.advantages
        lowest, highest = (
            torch.as_tensor(bound, dtype=log_ratio.dtype, device=log_ratio.device).log1p()
            for bound in (-clip_low, clip_high)
        )
        held = torch.where(advantages > 0, torch.minimum(log_ratio, highest), torch.maximum(log_ratio, lowest))
        ratio = response_mean(held, update.response_mask).exp()
        value = ratio * response_mean(advantages, update.response_mask)
        if self.settings.variant == "verl":
            value = value * update.statistics["responses"] / update.response_mask.any(-1).sum()
        return value[:, None].expand_as(advantages)
