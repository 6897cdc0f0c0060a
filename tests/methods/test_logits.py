"""Chunked functions of the logits: the values and gradients of the whole in every size of chunk, in little memory."""

import pytest
import torch

from perf.memory import peak
from stages.methods import METHODS, class_of
from stages.rl.logits import chunked


def terms(logits):
    log_prob = logits.log_softmax(-1)
    return {
        "entropy": -(log_prob.exp() * log_prob).sum(-1),
        "largest": logits.max(-1).values,
        "constant": log_prob.detach().exp().max(-1).values,
    }


@pytest.mark.parametrize("chunk", [1, 3, 10, 64])
def test_chunks_change_nothing(chunk):
    logits = torch.randn(10, 7, requires_grad=True, generator=torch.Generator().manual_seed(2))
    weights = torch.randn(3, 10, generator=torch.Generator().manual_seed(3))
    results = []
    for found in (terms(logits), chunked(terms, logits, chunk)):
        total = sum((weight * value).sum() for weight, value in zip(weights, found.values(), strict=True))
        results.append(
            (list(found), [value.detach() for value in found.values()], torch.autograd.grad(total, logits)[0])
        )
    assert results[0][0] == results[1][0]
    for whole, parts in zip([*results[0][1], results[0][2]], [*results[1][1], results[1][2]], strict=True):
        assert torch.allclose(whole, parts, atol=1e-6)


def test_half_precision_is_computed_in_float32():
    logits = torch.randn(6, 50, generator=torch.Generator().manual_seed(4)).bfloat16().requires_grad_()
    found = chunked(terms, logits, 4)["entropy"]
    assert found.dtype == torch.float32
    (gradient,) = torch.autograd.grad(found.sum(), logits)
    assert gradient.dtype == torch.bfloat16 and torch.isfinite(gradient).all()


@pytest.mark.parametrize("name", [name for name in METHODS if class_of(name).uses_logits])
def test_looking_at_the_logits_takes_little_memory(name):
    """At most a tenth more than GRPO from logits to their gradient, counted by torch's allocator."""
    size = {"tokens": 1024, "vocabulary": 2048}
    assert peak(name, **size) <= 1.1 * peak("grpo", **size)
