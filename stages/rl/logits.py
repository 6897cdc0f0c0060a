"""Functions of whole next-token distributions, without holding more than a chunk of them at a time."""

from collections.abc import Callable

import torch
from torch import Tensor

LogitFunction = Callable[[Tensor], dict[str, Tensor]]


def chunked(function: LogitFunction, logits: Tensor, chunk: int) -> dict[str, Tensor]:
    """`function` (float32 [n, V] -> name -> [n]) over `logits` [N, V], `chunk` tokens at a time, as name -> [N].

    The backward pass computes each chunk again and keeps nothing but the gradient of `logits`.
    """
    names: list[str] = []
    values = _Chunked.apply(logits, function, chunk, names)
    return dict(zip(names, values, strict=True))


class _Chunked(torch.autograd.Function):
    @staticmethod
    def forward(context, logits: Tensor, function: LogitFunction, chunk: int, names: list[str]) -> tuple[Tensor, ...]:
        """`names` is filled with the names of the outputs, in their order."""
        context.save_for_backward(logits)
        context.function, context.chunk = function, chunk
        parts = [function(part.float()) for part in logits.split(chunk)]
        names += list(parts[0])
        return tuple(torch.cat([part[name] for part in parts]) for name in names)

    @staticmethod
    def backward(context, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (logits,) = context.saved_tensors
        found = torch.zeros_like(logits)
        for start in range(0, len(logits), context.chunk):
            rows = slice(start, start + context.chunk)
            with torch.enable_grad():
                part = logits[rows].detach().requires_grad_()
                values = list(context.function(part.float()).values())
            found_with = zip(values, gradients, strict=True)
            pairs = [(value, gradient[rows]) for value, gradient in found_with if value.requires_grad]
            if pairs:
                found[rows] = torch.autograd.grad([pair[0] for pair in pairs], part, [pair[1] for pair in pairs])[0]
        return found, None, None, None
