"""From losses per token to the one number that is minimised."""

from typing import Literal

import torch
from torch import Tensor

Aggregation = Literal["token-mean", "seq-mean-token-mean", "seq-mean-token-sum-norm", "micro-batch-token-mean"]


def aggregate(values: Tensor, mask: Tensor, how: Aggregation, tokens: float, responses: float, horizon: int) -> Tensor:
    """This micro-batch's share of the mini-batch's mean of `values` [B, T] over `mask`; the shares add up to the mean.

    token-mean               every token of the mini-batch alike
    seq-mean-token-mean      mean over each response first, then over responses
    seq-mean-token-sum-norm  sum over each response, over responses and the constant `horizon` (Dr. GRPO)
    micro-batch-token-mean   mean over the micro-batch's tokens; it weighs as much as its share of the responses

    `tokens` and `responses` count those that `mask` keeps in the whole mini-batch, on all ranks; `horizon` is the longest
    response allowed, in tokens. The first three are verl 0.9.1's (core_algos.agg_loss), except that a response without a
    kept token counts nowhere. The fourth depends on the micro-batch. Most released code trains with it, under the name
    token-mean (dp_actor.py of the forks: agg_loss on the micro-batch · its size / mini-batch size).
    """
    kept = torch.where(mask, values, 0.0)
    if how == "token-mean":
        return kept.sum() / max(tokens, 1)
    if how == "seq-mean-token-mean":
        return (kept.sum(-1) / mask.sum(-1).clamp(min=1)).sum() / max(responses, 1)
    if how == "micro-batch-token-mean":
        return kept.sum() / mask.sum().clamp(min=1) * mask.any(-1).sum() / max(responses, 1)
    return kept.sum() / max(responses, 1) / horizon
