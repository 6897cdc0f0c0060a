"""STEER: weights a token by how much its update is estimated to change the entropy (arXiv 2510.10150).

    m = |I_clip·r·A·(1 − p)·(log p + H)|     p, H of the token; I_clip 0 where PPO's clip removes the gradient, else 1
    exponential   weight = exp(−α·m / max m),  α = −ln λ_min
    linear        weight = λ_max − (m − min m)/(max m − min m)·(λ_max − λ_min)
    binary        weight = 0 if m > mask_above·max m, else 1

so the token with the largest estimated change counts λ_min, and one with none counts 1 (exponential) or the token with
the smallest λ_max (linear). Binary is the hard mask that App. F compares with; where it cuts was not in what was read.

Variants (`variant`), which differ in what the sources say:
  paper        eq. 9 is an expectation over the sampled tokens, E_π_old[I_clip·A/q·δ], so a token that was sampled has
               r·A·δ/p; δ = −p(1 − p)(log p + H) is that of v4 and ACL 2026 (second-hand). p and H are the policy's that
               is updated (eq. 14); maximum and minimum run over the batch (the optimiser's mini-batch here).
  paper_older  the earlier δ = −p(1 − p)²(log p + H), so (1 − p)² in the place of 1 − p. How its weight followed from the
               estimate is not in what was read; the mappings above are used.
  times_p      r·A·δ, with one p more: a second-hand reading of Theorem 1. It would be right for a sum over the
               vocabulary, in which every token has its probability, and not for an average over sampled tokens.
  code         zz-haooo/STEER@b31df716: A/q·δ with the old probability q held at 1e-8 and p in [1e-8, 1 − 1e-8]; no
               I_clip; H of the old policy; the exponential's scale is max(max m, 0.02), its weight held in [λ_min, 1];
               maximum and minimum over one micro-batch. It has the launchers' λ_min 0.8 and their token-mean, which
               was the micro-batch's.

Defaults: λ_min 0.7 (2510.10150 v4 §6.1, second-hand), clip 0.2/0.28 and dual clip 10 (the released launchers), λ_max 1.2
(the released launcher of linear, which has λ_min 0.8: set that in any variant). The maximum of all variants but `code`
costs one pass without gradient a mini-batch.
Deviations from the paper: where all m are equal, linear gives the mean of λ_min and λ_max, as the code does; the paper
says nothing of it. With `batch_statistics: old_policy` changes beyond the old policy's extremes count as those.
Reduces to GRPO at: weight_min 1 (linear: also weight_max 1), clip_ratio_high 0.2 and dual_clip null; weight_min 1 alone
is Clip-Higher with dual clip 10.
"""

import math
from typing import ClassVar, Literal, Self

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
        weight_min: float = Field(
            0.7,
            gt=0,
            le=1,
            description="λ_min; 2510.10150 v4 (0.8 in the launchers)",
            json_schema_extra=rl.read_where(mapping=("exponential", "linear")),
        )
        weight_max: float = Field(
            1.2,
            gt=0,
            description="λ_max of linear; released launcher",
            json_schema_extra=rl.read_where(mapping=("linear",)),
        )
        mapping: Literal["exponential", "linear", "binary"] = Field("exponential", description="from m to the weight")
        mask_above: float | None = Field(
            None,
            ge=0,
            lt=1,
            exclude_if=lambda share: share is None,  # what is kept of runs without it says nothing of it
            description="of the largest m, the share above which a token counts nothing; binary: required, not in what was read",
            json_schema_extra=rl.read_where(mapping=("binary",)),
        )
        variant: Literal["paper", "paper_older", "times_p", "code"] = Field(
            "paper", description="estimate of the entropy change"
        )

        variant_defaults: ClassVar = {"code": {"weight_min": 0.8, "aggregation": "micro-batch-token-mean"}}

        @model_validator(mode="after")
        def _weights_are_defined(self) -> Self:
            if self.weight_max < self.weight_min:
                raise ValueError(
                    f"weight_max: {self.weight_max} is below weight_min {self.weight_min}; give at least that"
                )
            if self.mapping == "binary" and self.mask_above is None:
                raise ValueError(
                    "mask_above: mapping binary needs it; give a share of the largest change, from 0 to below 1"
                )
            return self

    settings: Settings

    CODE_SMALLEST_SCALE = 0.02  # zz-haooo/STEER@b31df716

    @property
    def batch_statistics(self) -> rl.BatchStatistics:
        return "micro_batch" if self.settings.variant == "code" else self.settings.batch_statistics

    def entropy_change(self, update: rl.Update) -> Tensor:
        """[B, T] the estimated size of each token's entropy change, 0 on padding; without gradient."""
        advantages, log_prob = update.advantages, update.log_prob.detach()
        if self.settings.variant == "code":
            probability = log_prob.exp().clamp(1e-8, 1 - 1e-8)
            slope = probability / update.old_log_prob.exp().clamp(1e-8, 1.0) * (1 - probability)
            return (slope * advantages * (probability.log() + update.old_entropy)).abs() * update.response_mask
        probability = log_prob.exp()
        slope = update.ratio.detach() * ~outside_clip(update, *self.clip_range(update)) * (1 - probability)
        if self.settings.variant != "paper":
            slope = slope * (probability if self.settings.variant == "times_p" else 1 - probability)
        return (slope * advantages * (log_prob + update.entropy.detach())).abs() * update.response_mask

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
            share = torch.where(largest > smallest, share, 0.5)
            return settings.weight_max - share * (settings.weight_max - settings.weight_min)
        if settings.mapping == "binary":
            assert settings.mask_above is not None
            return (change <= settings.mask_above * largest).to(change.dtype)
        scale = largest.clamp(min=self.CODE_SMALLEST_SCALE if settings.variant == "code" else tiny)
        return torch.exp(math.log(settings.weight_min) * change / scale).clamp(settings.weight_min, 1.0)
