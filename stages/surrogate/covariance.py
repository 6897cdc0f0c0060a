"""The covariance of advantage and log-prob, token by token, which the Entropy Mechanism paper ties to entropy."""

import torch
from torch import Tensor

from stages.surrogate.batch import masked_mean


def token_covariance(advantages: Tensor, log_prob: Tensor, mask: Tensor) -> Tensor:
    """[B, T] (A − mean A)·(log p − mean log p), means over the True tokens of `mask` (arXiv 2505.22617 §4.1)."""
    log_prob = log_prob.detach()
    return (advantages - masked_mean(advantages, mask)) * (log_prob - masked_mean(log_prob, mask))


def deviation(values: Tensor, mask: Tensor) -> Tensor:
    """The sample standard deviation of `values` over `mask`; 0 for fewer than two tokens."""
    kept = values[mask]
    return kept.std() if kept.numel() > 1 else values.new_zeros(())


def largest(values: Tensor, among: Tensor, count: int) -> Tensor:
    """[B, T] bool: the `count` entries of `among` with the largest `values`; all of them if there are fewer.

    Ties are broken by position, so that exactly `count` are chosen.
    """
    chosen = torch.zeros_like(among)
    candidates = among.nonzero(as_tuple=True)
    order = values[candidates].argsort(descending=True, stable=True)[:count]
    chosen[candidates[0][order], candidates[1][order]] = True
    return chosen
