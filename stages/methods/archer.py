"""Archer: a wide clip for uncertain tokens, a tight clip and a KL penalty for the others (arXiv 2507.15778).

    a response's token is low if H ≤ the 80 % quantile of H over the response, and high otherwise
    low    clip ±0.2, + 1e-3·mean over low tokens of k3(π ‖ π_ref)
    high   clip ±0.5

H is the current policy's. The quantile is interpolated; a response of one token is all low. Each KL part is averaged over
its own tokens, so its mean is not diluted by the others (the released code; the names of its two masks are swapped).

Defaults: the numbers above, dual clip 10, 3 epochs (2507.15778 and the released launcher).
Departures: the number of low tokens in the mini-batch is counted on the old policy, which differs from the current one's
only where entropies are equal; the code averages over the micro-batch. Token-mean only: a mean over low tokens is one
over tokens.
Neutral setting: high_clip 0.2, low_coefficient 0 is GRPO with dual clip 10 and three epochs.
"""

from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from stages.methods import base
from stages.surrogate.ratio import k3
from stages.surrogate.selection import own_mean_scale, response_quantile


class Archer(base.Method):
    class Settings(base.Settings):
        dual_clip: float | None = Field(10.0, gt=1, description="c; released launcher")
        epochs: PositiveInt = Field(3, description="passes over a step's responses; released launcher")
        aggregation: Literal["token-mean"] = Field("token-mean", description="released launcher")
        low_share: float = Field(0.8, ge=0, le=1, description="quantile of H in a response that parts low from high")
        low_coefficient: float = Field(1e-3, ge=0, description="of the low tokens' KL, per nat; 2507.15778")
        high_clip: float = Field(0.5, ge=0, le=1, description="ε of high tokens, both sides; 2507.15778")

    @property
    def looks_ahead(self) -> Literal["old"]:
        return "old"

    @property
    def reference(self) -> Literal["initial"]:
        return "initial"

    def low(self, update: base.Update) -> Tensor:
        """[B, T] bool: tokens of which the policy is sure."""
        entropy = update.entropy.detach()
        return update.response_mask & (
            entropy <= response_quantile(entropy, update.response_mask, self.settings.low_share)
        )

    def statistics(self, mini_batch: base.Update) -> dict[str, Tensor]:
        return {"low_scale": own_mean_scale(self.low(mini_batch), mini_batch.response_mask)}

    def clip_range(self, update: base.Update) -> tuple[Tensor, Tensor]:
        settings, low = self.settings, self.low(update)
        high = torch.full_like(update.advantages, settings.high_clip)
        return high.masked_fill(low, settings.clip_ratio_low), high.masked_fill(low, settings.clip_ratio_high)

    def regulariser(self, update: base.Update) -> Tensor:
        scale = self.settings.low_coefficient * update.statistics["low_scale"]
        return scale * k3(update.log_prob, update.reference_log_prob) * self.low(update)
