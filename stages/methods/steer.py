"""STEER: weights a token by how much its update is estimated to change the entropy (arXiv 2510.10150).

    m = |r·A·p(1 − p)·(log p + H)|           p, H of the token
    exponential   weight = exp(−α·m / max m),  α = −ln λ_min
    linear        weight = λ_max − (m − min m)/(max m − min m)·(λ_max − λ_min)

so the token with the largest estimated change counts λ_min, and one with none counts 1 (exponential) or the token with
the smallest λ_max (linear).

Variants (`variant`), which differ in what the sources say:
  paper        arXiv v4 / ACL 2026, Theorem 1 (second-hand): m is 0 where PPO's clip removes the gradient; maximum and
               minimum run over the batch (the optimiser's mini-batch here).
  paper_older  the earlier form: (1 − p)² in the place of p(1 − p). How its weight followed from Ω is not in what was
               read; the mappings above are used.
  code         zz-haooo/STEER@b31df716: A/q in the place of r·A, which makes it r·A·(1 − p)(log p + H), with the old
               probability q held at 1e-8; no I_clip; the exponential's scale is max(max m, 0.02), its weight held in
               [λ_min, 1]; maximum and minimum over one micro-batch. To reproduce the released runs also set
               `aggregation: micro-batch-token-mean`.

Defaults: λ_min 0.7 (2510.10150 v4 §6.1, second-hand), clip 0.2/0.28 and dual clip 10 (the released launchers). The
launchers set λ_min 0.8, and λ_max 1.2 for linear: set 0.8 to reproduce the released runs, and for linear in any
variant. p is the current policy's. The maximum of `paper` costs one pass without gradient a mini-batch.
Deviations from the paper: H is the old policy's in every variant, as in the code; eq. 14 has the current policy's.
Where all m are equal, linear gives every token λ_max (the code divides by 0 or nearly so). With `batch_statistics:
old_policy` changes beyond the old policy's extremes count as those.
Reduces to GRPO at: weight_min 1 (linear: also weight_max 1), clip_ratio_high 0.2 and dual_clip null; weight_min 1 alone
is Clip-Higher with dual clip 10.
"""

import math
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from stages import rl
from stages.rl.ratio import outside_clip


class Steer(rl.Method):
    sources = rl.Sources(formula="in part second-hand", constants="in part second-hand")

    class Settings(rl.BatchStatisticsSettings):
        clip_ratio_high: float = Field(0.28, ge=0, description="ε_high; released launchers")
        dual_clip: float | None = Field(10.0, gt=1, description="c; released code")
        weight_min: float = Field(0.7, gt=0, le=1, description="λ_min; 2510.10150 v4 (0.8 in the launchers)")
        weight_max: float = Field(1.2, gt=0, description="λ_max of linear; released launcher")
        mapping: Literal["exponential", "linear"] = Field("exponential", description="from m to the weight")
        variant: Literal["paper", "paper_older", "code"] = Field("paper", description="estimate of the entropy change")

        @model_validator(mode="after")
        def _weights_are_ordered(self) -> Self:
            if self.weight_max < self.weight_min:
                raise ValueError(
                    f"weight_max: {self.weight_max} is below weight_min {self.weight_min}; give at least that"
                )
            return self

    settings: Settings

    CODE_SMALLEST_SCALE = 0.02  # zz-haooo/STEER@b31df716

    @property
    def batch_statistics(self) -> rl.BatchStatistics:
        return "micro_batch" if self.settings.variant == "code" else self.settings.batch_statistics

    def entropy_change(self, update: rl.Update) -> Tensor:
        """[B, T] the estimated size of each token's entropy change, 0 on padding; without gradient."""
        log_prob, probability = update.log_prob.detach(), update.log_prob.detach().exp()
        if self.settings.variant == "code":
            slope = probability / update.old_log_prob.exp().clamp(1e-8, 1.0) * (1 - probability)
        else:
            first = probability if self.settings.variant == "paper" else 1 - probability
            slope = update.ratio.detach() * ~outside_clip(update, *self.clip_range(update)) * first * (1 - probability)
        return (slope * update.advantages * (log_prob + update.old_entropy)).abs() * update.response_mask

    def statistics(self, mini_batch: rl.Update) -> dict[str, Tensor]:
        """The largest and the smallest estimated change of its tokens."""
        change = self.entropy_change(mini_batch)
        smallest = change.masked_fill(~mini_batch.response_mask, torch.inf).min()
        return {"largest_change": change.max(), "smallest_change": smallest}

    def token_weight(self, update: rl.Update) -> Tensor:
        settings, change = self.settings, self.entropy_change(update)
        largest, smallest = update.statistics["largest_change"], update.statistics["smallest_change"]
        tiny = torch.finfo(change.dtype).tiny  # instead of 0, where every token's change is the same
        if settings.mapping == "linear":
            # statistics of the old policy do not bound the changes of the current one
            share = ((change - smallest) / (largest - smallest).clamp(min=tiny)).clamp(0, 1)
            return settings.weight_max - share * (settings.weight_max - settings.weight_min)
        scale = largest.clamp(min=self.CODE_SMALLEST_SCALE if settings.variant == "code" else tiny)
        return torch.exp(math.log(settings.weight_min) * change / scale).clamp(settings.weight_min, 1.0)
