"""Runs a method's `statistics` and `mask`: what it wants to know of a whole batch before the loss of its tokens."""

from dataclasses import replace

import torch

from stages.rl import controls
from stages.rl.batch import Update
from stages.rl.method import Method
from stages.rl.settings import BatchStatistics


def batch_of(method: Method) -> BatchStatistics:
    """`Method.batch_statistics`, or the mini-batch under the current policy where only a control has to see it."""
    needed = method.batch_statistics
    return "current_policy" if needed == "none" and controls.asked_in_loss(method) else needed


@torch.no_grad()
def with_batch_statistics(method: Method, batch: Update) -> Update:
    """`batch` with the method's `statistics` and `mask` filled in, taken over all responses of `batch`.

    `batch` is the whole mini-batch, of all micro-batches and ranks, in any order; or one micro-batch for a method whose
    `batch_statistics` is micro_batch. A method that asks for the old policy sees its log-probs and entropies in the
    place of the current policy's, which may then be missing.
    """
    needed = batch_of(method)
    if needed == "none":
        return replace(batch, mask=batch.response_mask, statistics={})
    view = replace(batch, statistics={})
    if needed == "old_policy":
        view = replace(view, log_prob=view.old_log_prob, entropy=view.old_entropy)
    else:
        view = replace(view, log_prob=view.log_prob.detach(), entropy=view.entropy.detach())
    statistics = method.statistics(view)
    view = replace(view, statistics=statistics)
    mask = method.mask(view) & view.response_mask
    statistics = statistics | controls.statistics(method, replace(view, mask=mask))
    return replace(batch, mask=mask, statistics=statistics)
