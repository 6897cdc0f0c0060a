"""Clipping of the ratio π/π_old."""

import math

import torch
from torch import Tensor

from stages.rl.batch import Responses, Update


def clip(ratio: Tensor, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
    """`ratio` held in [1 − clip_low, 1 + clip_high]; widths are numbers or tensors that broadcast to `ratio`."""
    highest, lowest = (torch.as_tensor(bound, dtype=ratio.dtype) for bound in (1 + clip_high, 1 - clip_low))
    return torch.maximum(torch.minimum(ratio, highest), lowest)


def outside_clip(update: Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
    """[B, T] bool: tokens whose gradient PPO's clip removes."""
    ratio, advantages = update.ratio, update.advantages
    return ((advantages > 0) & (ratio > 1 + clip_high)) | ((advantages < 0) & (ratio < 1 - clip_low))


def unlikely(responses: Responses) -> Tensor:
    """[B, T] bool: tokens that the old policy sampled although their probability was below 1/2."""
    return responses.old_log_prob < math.log(0.5)


def clipped_objective(
    ratio: Tensor, advantages: Tensor, clip_low: float | Tensor, clip_high: float | Tensor, dual_clip: float | None
) -> Tensor:
    """min(r·A, clip(r)·A) (1707.06347 eq. 7), for A<0 not below dual_clip·A (1912.09729 §3.2); shapes broadcast."""
    value = torch.minimum(ratio * advantages, clip(ratio, clip_low, clip_high) * advantages)
    if dual_clip is None:
        return value
    return torch.where(advantages < 0, torch.maximum(value, dual_clip * advantages), value)


def k3(log_prob: Tensor, reference_log_prob: Tensor) -> Tensor:
    """The k3 estimate of KL(π ‖ π_ref) per token in nats: π_ref/π − ln(π_ref/π) − 1 (joschu.net/blog/kl-approx.html).

    The log-ratio is held within ±20 and the estimate below 10, as verl 0.9.1's `low_var_kl` does.
    """
    log_ratio = (reference_log_prob - log_prob).clamp(-20.0, 20.0)
    return (log_ratio.exp() - log_ratio - 1).clamp(max=10.0)
