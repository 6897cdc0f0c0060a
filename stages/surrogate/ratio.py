"""Clipping of the ratio π/π_old."""

import torch
from torch import Tensor

from stages.surrogate.batch import Update


def clip(ratio: Tensor, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
    """`ratio` held in [1 − clip_low, 1 + clip_high]; widths are numbers or tensors that broadcast to `ratio`."""
    return torch.maximum(torch.minimum(ratio, torch.as_tensor(1 + clip_high)), torch.as_tensor(1 - clip_low))


def outside_clip(update: Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
    """[B, T] bool: tokens whose gradient PPO's clip removes."""
    ratio, advantages = update.ratio, update.advantages
    return ((advantages > 0) & (ratio > 1 + clip_high)) | ((advantages < 0) & (ratio < 1 - clip_low))


def clipped_objective(
    ratio: Tensor, advantages: Tensor, clip_low: float | Tensor, clip_high: float | Tensor, dual_clip: float | None
) -> Tensor:
    """min(r·A, clip(r)·A) (1707.06347 eq. 7), for A<0 not below dual_clip·A (1912.09729 §3.2); shapes broadcast."""
    value = torch.minimum(ratio * advantages, clip(ratio, clip_low, clip_high) * advantages)
    if dual_clip is None:
        return value
    return torch.where(advantages < 0, torch.maximum(value, dual_clip * advantages), value)


def k3(log_prob: Tensor, reference_log_prob: Tensor) -> Tensor:
    """Per token, the unbiased, never negative estimate of KL(π ‖ reference): e^d − d − 1, d = ln reference − ln π.

    J. Schulman, "Approximating KL divergence" (2020); d is held within ±20 and the result below 10, as in verl 0.9.1.
    """
    difference = (reference_log_prob - log_prob).clamp(-20.0, 20.0)
    return (difference.exp() - difference - 1).clamp(max=10.0)
