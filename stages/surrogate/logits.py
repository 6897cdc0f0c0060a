"""Functions of whole next-token distributions, without holding more than a chunk of them at a time."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint


def chunked(function: Callable[[Tensor], dict[str, Tensor]], logits: Tensor, chunk: int) -> dict[str, Tensor]:
    """`function` (float32 [n, V] -> name -> [n]) over `logits` [N, V], `chunk` tokens at a time, as name -> [N].

    The backward pass computes each chunk again instead of keeping what is inside it.
    """
    parts = [checkpoint(lambda part: function(part.float()), part, use_reentrant=False) for part in logits.split(chunk)]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
