"""What a method singles out: tokens, and means over them; prompts."""

import math

import torch
from torch import Tensor

from stages.rl.batch import masked_mean


def token_covariance(advantages: Tensor, log_prob: Tensor, mask: Tensor) -> Tensor:
    """[B, T] (A − mean A)(log p − mean log p), means over the True tokens; without gradient (2505.22617)."""
    log_prob = log_prob.detach()
    return (advantages - masked_mean(advantages, mask)) * (log_prob - masked_mean(log_prob, mask))


def top_tokens(score: Tensor, among: Tensor, count: int, ties: Tensor) -> Tensor:
    """[B, T] bool: the `count` tokens of highest `score` where `among` is True, or all of them if they are fewer.

    Equal scores are ordered by `ties` [B, T], so that the choice does not depend on the order of the responses.
    """
    order = ties[among].argsort()
    order = order[score[among][order].argsort(descending=True, stable=True)]
    chosen = torch.zeros(len(order), dtype=torch.bool, device=among.device)
    chosen[order[:count]] = True
    return torch.zeros_like(among).masked_scatter(among, chosen)


def response_quantile(values: Tensor, mask: Tensor, share: float) -> Tensor:
    """[B, 1] the `share` quantile of each row of `values` [B, T] over its True tokens, interpolated linearly.

    Equal to torch.nanquantile, which refuses more than 16 million values. A row without True tokens gives inf.
    """
    ordered = values.masked_fill(~mask, torch.inf).sort(-1).values
    position = share * (mask.sum(-1, keepdim=True) - 1).clamp(min=0).to(values.dtype)
    below, above = (ordered.gather(-1, rank.long()) for rank in (position.floor(), position.ceil()))
    return torch.where(below == above, below, torch.lerp(below, above, position - position.floor()))


def own_mean_scale(own: Tensor, mask: Tensor) -> Tensor:
    """What makes a mean over `mask` of values that are 0 outside `own` the mean over `own`: |mask| / |own|."""
    return mask.sum() / own.sum().clamp(min=1)


def deviation(values: Tensor, mask: Tensor) -> Tensor:
    """The sample standard deviation of `values` over the True tokens; 0 for fewer than two of them."""
    kept = values[mask]
    return kept.std() if kept.numel() > 1 else values.new_zeros(())


def window(values: list[float], size: int, place: float) -> list[int]:
    """Where in `values` (n numbers) those `size` stand that have the ranks ⌊place·(n − size)⌋ and following, ascending.

    `place` is from 0 (the smallest) to 1 (the largest). The answer is in the order of `values`; of equal ones the first
    ranks first. `size` is at most n.
    """
    by_value = sorted(range(len(values)), key=values.__getitem__)
    first = math.floor(place * (len(values) - size))
    return sorted(by_value[first : first + size])
