"""Archer: a wide clip for uncertain tokens, a tight one and a KL penalty for the others (arXiv 2507.15778 §4.1).

    a response's token is high if H ≥ τ, the 80 % quantile of H over the response, and low otherwise
    low    clip ±0.2, + 1e-3·k3(π ‖ π_ref)
    high   clip ±0.5

H is the current policy's; the quantile is interpolated.

Variants (`variant`), of the KL penalty:
  paper  part of each low token's loss, so that the mean over all tokens dilutes it (eq. 5).
  code   wizard-III/ArcherCodeR: a mean of its own over the low tokens of the micro-batch, about 1/0.8 of the paper's;
         H = τ counts as low, so that a response of one token is all low. (The names of its two masks are swapped.) The
         clipped part is a mean over the micro-batch, too.

Defaults: the numbers above (§5.1), dual clip 10 and 3 epochs (released launcher; the paper draws its dual clip at 3 and
names no number of epochs), token-mean (launcher; eq. 5 averages each response first, §5.1 speaks of "token-level
loss").
Deviations from the paper: none known.
Reduces to GRPO at: high_clip 0.2, low_coefficient 0, epochs 1 and dual_clip null.
"""

from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor

from stages import rl
from stages.rl.ratio import k3
from stages.rl.selection import own_mean_scale, response_quantile


class Archer(rl.Method):
    class Settings(rl.Settings):
        dual_clip: float | None = Field(10.0, gt=1, description="c; released launcher")
        epochs: PositiveInt = Field(3, description="passes over a step's responses; released launcher")
        low_share: float = Field(0.8, ge=0, le=1, description="ρ, quantile of H in a response; 2507.15778 §5.1")
        low_coefficient: float = Field(1e-3, ge=0, description="β_k, of the low tokens' KL, per nat; 2507.15778 §5.1")
        high_clip: float = Field(0.5, ge=0, le=1, description="ε_r, of high tokens, both sides; 2507.15778 §5.1")
        variant: Literal["paper", "code"] = Field("paper", description="over which tokens the KL is averaged")

        variant_defaults: ClassVar = {"code": {"aggregation": "micro-batch-token-mean"}}

        @model_validator(mode="after")
        def _mean_over_low_tokens_exists(self) -> Self:
            if self.variant == "code":
                rl.needs_token_mean(self)
            return self

    settings: Settings

    selects = asked_in_loss = ("low",)

    @property
    def batch_statistics(self) -> rl.BatchStatistics:
        return "micro_batch" if self.settings.variant == "code" else "none"

    @property
    def reference(self) -> rl.Reference:
        return "initial"

    def low(self, update: rl.Update) -> Tensor:
        """[B, T] bool: tokens of which the policy is sure."""
        entropy = update.entropy.detach()
        threshold = response_quantile(entropy, update.response_mask, self.settings.low_share)
        below = entropy <= threshold if self.settings.variant == "code" else entropy < threshold
        return update.response_mask & below

    def statistics(self, mini_batch: rl.Update) -> dict[str, Tensor]:
        if self.settings.variant == "paper":
            return {}
        return {"low_scale": own_mean_scale(self.low(mini_batch), mini_batch.response_mask)}

    def clip_range(self, update: rl.Update) -> tuple[Tensor, Tensor]:
        settings, low = self.settings, self.low(update)
        high = torch.full_like(update.advantages, settings.high_clip)
        return high.masked_fill(low, settings.clip_ratio_low), high.masked_fill(low, settings.clip_ratio_high)

    def regulariser(self, update: rl.Update) -> Tensor:
        scale = update.statistics["low_scale"] if self.settings.variant == "code" else 1.0
        distance = k3(update.log_prob, update.reference_log_prob)
        return self.settings.low_coefficient * scale * distance * self.low(update)
