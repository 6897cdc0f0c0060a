"""Which device gets which responses of a mini-batch, and how many it computes on at once: pure."""

import torch
from verl.utils.seqlen_balancing import calculate_workload, get_seqlen_balanced_partitions


def shared_out(lengths: list[int], mini_batch: int, devices: int) -> list[int]:
    """The order in which verl, which cuts a batch into one part a device, gives each device its share of each mini-batch.

    `lengths` are those of the responses with their prompts, in tokens; a mini-batch is `mini_batch` of them in a row, and a
    multiple of `devices`. A device's part begins with its share of the first. The shares of a mini-batch are of one size,
    and of about the same work (verl's `calculate_workload`). With one device the order is that of `lengths`.
    """
    parts: list[list[int]] = [[] for _ in range(devices)]
    for first in range(0, len(lengths), mini_batch):
        work = calculate_workload(torch.tensor(lengths[first : first + mini_batch])).tolist()
        for part, share in zip(parts, get_seqlen_balanced_partitions(work, devices, equal_size=True), strict=True):
            part.extend(first + place for place in share)
    return [place for part in parts for place in part]


def at_once(responses: int, most: int) -> int:
    """The largest number up to `most` that divides `responses`: verl cuts a batch into micro-batches of one size."""
    return max(size for size in range(1, min(most, responses) + 1) if responses % size == 0)
