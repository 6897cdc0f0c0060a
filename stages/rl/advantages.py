"""Baselines and normalisations of rewards. `group` [B] numbers the prompts: equal numbers, one prompt."""

import torch
from torch import Tensor


def group_sum(values: Tensor, group: Tensor) -> Tensor:
    """[B] sum of `values` [B] over each response's group."""
    index = group.long()
    return values.new_zeros(int(index.max()) + 1).index_add(0, index, values)[index]


def group_size(group: Tensor) -> Tensor:
    """[B] number of responses in each response's group."""
    return torch.bincount(group.long())[group.long()]


def group_mean(values: Tensor, group: Tensor) -> Tensor:
    """[B] mean of `values` [B] over each response's group."""
    return group_sum(values, group) / group_size(group)


def group_uniform(rewards: Tensor, group: Tensor) -> Tensor:
    """[B] bool: every response of the group has the same reward, compared exactly."""
    index = group.long()
    lowest, highest = (
        rewards.new_zeros(int(index.max()) + 1).scatter_reduce(0, index, rewards, how, include_self=False)[index]
        for how in ("amin", "amax")
    )
    return lowest == highest


def group_centred(rewards: Tensor, group: Tensor) -> Tensor:
    """[B] R minus the mean of the group; R where there is no other response (as verl 0.9.1)."""
    return torch.where(group_size(group) > 1, rewards - group_mean(rewards, group), rewards)


def group_normalised(rewards: Tensor, group: Tensor, epsilon: float = 1e-6) -> Tensor:
    """[B] (R − mean) / (std + ε) within the group, with the sample standard deviation (N − 1).

    A group of one has no deviation: its advantage is R / (1 + ε), as in verl 0.9.1. In double precision, so that equal
    rewards give 0 and not the rounding of their mean over ε.
    """
    exact, size = rewards.double(), group_size(group)
    centred = exact - group_mean(exact, group)
    variance = group_mean(centred**2, group) * size / (size - 1).clamp(min=1)
    found = torch.where(size > 1, centred / (variance.sqrt() + epsilon), exact / (1.0 + epsilon))
    return found.to(rewards.dtype)


def leave_one_out(rewards: Tensor, group: Tensor) -> Tensor:
    """[B] R minus the mean of the other rewards of the group; R where there is no other (as verl 0.9.1)."""
    size = group_size(group).to(rewards.dtype)
    return torch.where(size > 1, size / (size - 1).clamp(min=1) * (rewards - group_mean(rewards, group)), rewards)


def whitened(values: Tensor, mask: Tensor) -> Tensor:
    """[B, T] (values − mean) / sqrt(var + 1e-8) over all True tokens, sample variance; 0 elsewhere."""
    kept = values[mask]
    variance = kept.var() if kept.numel() > 1 else torch.zeros((), dtype=values.dtype)
    return torch.where(mask, (values - kept.mean()) * torch.rsqrt(variance + 1e-8), 0.0)
