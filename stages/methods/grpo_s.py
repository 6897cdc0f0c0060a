"""GRPO-S: GTPO's idea per sequence (arXiv 2508.04349 §3.2).

    right responses:  R =  b1 + b2 · H̄ / Σ H̄ · n      H̄ the response's mean entropy, sums over the group's n right ones
    wrong responses:  R = −b1 − b2 · (1/H̄) / Σ (1/H̄) · m     over its m wrong ones

then normalised; the ratio of a response is the mean of its tokens' ratios, clipped per response (eq. 10, 11).

Variants (`variant`), because two second-hand readings disagree about the normalisation:
  apart     over the group's right and over its wrong responses separately, as in `gtpo`
  together  over the whole group, as in GRPO

Defaults: b1 1, b2 0.1, ε 0.2/0.28; H is the old policy's (second-hand). H̄ is held above 1e-8; the deviation has N − 1
and 1e-6 (this bench's, as in `grpo`).
Deviations from the paper: none known.
Reduces to GRPO at: no setting; the ratio is the response's.
"""

from typing import Literal

from pydantic import Field
from torch import Tensor

from stages import rl
from stages.methods.gtpo import SMALLEST_ENTROPY, normalised, shared_by_position
from stages.rl.advantages import group_normalised
from stages.rl.aggregation import Aggregation
from stages.rl.batch import response_mean
from stages.rl.ratio import clipped_objective


class GrpoS(rl.Method):
    sources = rl.Sources(formula="second-hand", constants="second-hand")
    without_control = "shares that are all the same are normalised to 0, or to GRPO's advantage"

    class Settings(rl.Settings):
        clip_ratio_high: float = Field(0.28, ge=0, description="ε_high; 2508.04349, second-hand")
        aggregation: Aggregation = Field("seq-mean-token-mean", description="of token losses; 2508.04349 §3.2")
        base_reward: float = Field(1.0, description="b1; 2508.04349, second-hand")
        entropy_reward: float = Field(0.1, ge=0, description="b2; 2508.04349, second-hand")
        variant: Literal["apart", "together"] = Field("apart", description="over what rewards are normalised")

    settings: Settings

    def advantages(self, responses: rl.Responses) -> Tensor:
        settings, group = self.settings, responses.group
        entropy = response_mean(responses.old_entropy, responses.response_mask).clamp(min=SMALLEST_ENTROPY)[:, None]
        right, wrong = responses.correct[:, None], ~responses.correct[:, None]
        shared = shared_by_position(entropy, right, group) + shared_by_position(1 / entropy, wrong, group)
        sign = right.to(entropy.dtype) - wrong.to(entropy.dtype)
        rewards = sign * (settings.base_reward + settings.entropy_reward * shared)
        if settings.variant == "apart":
            value = normalised(rewards, right, group) + normalised(rewards, wrong, group)
        else:
            value = group_normalised(rewards[:, 0], group)[:, None]
        return value * responses.response_mask

    def surrogate(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        ratio = response_mean(update.ratio, update.response_mask)[:, None].expand_as(update.log_prob)
        return clipped_objective(ratio, update.advantages, clip_low, clip_high, self.settings.dual_clip)

    def clipped(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        ratio, advantages = response_mean(update.ratio, update.response_mask)[:, None], update.advantages
        return ((advantages > 0) & (ratio > 1 + clip_high)) | ((advantages < 0) & (ratio < 1 - clip_low))

    def held_by_dual_clip(self, update: rl.Update, dual_clip: float) -> Tensor:
        return (update.advantages < 0) & (response_mean(update.ratio, update.response_mask)[:, None] > dual_clip)
