"""Rewards without their group's mean, and which groups have nothing left then. `group` [B] numbers the prompts."""

import torch
from torch import Tensor

from stages.surrogate.groups import group_mean, group_size


def group_centred(rewards: Tensor, group: Tensor) -> Tensor:
    """[B] R minus the mean of the group; R where there is no other response (as verl 0.9.1)."""
    return torch.where(group_size(group) > 1, rewards - group_mean(rewards, group), rewards)


def group_uniform(rewards: Tensor, group: Tensor) -> Tensor:
    """[B] bool: every response of the group has the same reward, compared exactly."""
    index = group.long()
    lowest, highest = (
        rewards.new_zeros(int(index.max()) + 1).scatter_reduce(0, index, rewards, how, include_self=False)[index]
        for how in ("amin", "amax")
    )
    return lowest == highest
