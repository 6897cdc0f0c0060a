"""What a method learns of a whole mini-batch before its loss is taken on parts of it."""

from dataclasses import replace

import torch

from stages.methods.base import Method
from stages.surrogate.batch import Update


@torch.no_grad()
def survey(method: Method, mini_batch: Update) -> Update:
    """`mini_batch` with the method's `statistics` and `mask`, as `Method.looks_ahead` says.

    `mini_batch` holds every response of the mini-batch, of all micro-batches and ranks, in any order. Its `log_prob` and
    `entropy` are used only by a method that looks at the current policy.
    """
    if method.looks_ahead == "never":
        return replace(mini_batch, mask=mini_batch.response_mask, statistics={})
    view = replace(mini_batch, statistics={})
    if method.looks_ahead == "old":
        view = replace(view, log_prob=view.old_log_prob, entropy=view.old_entropy)
    else:
        view = replace(view, log_prob=view.log_prob.detach(), entropy=view.entropy.detach())
    statistics = method.statistics(view)
    mask = method.mask(replace(view, statistics=statistics)) & view.response_mask
    return replace(mini_batch, mask=mask, statistics=statistics)
