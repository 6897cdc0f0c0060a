"""A method's loss of a mini-batch, aggregated as the backend does it (stages/backend/loss.py), and what it is sensitive to."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from stages.probes.policy import View
from stages.rl.aggregation import aggregate
from stages.rl.batch import Responses, Update, rows
from stages.rl.batch_statistics import batch_of, with_batch_statistics
from stages.rl.method import Method


class Sensitivity(NamedTuple):
    """Of a loss: its value, and its gradient with respect to each value of the view, through which alone the weights enter.

    By token, [B, T]: whether the method lets it count, whether the clip takes its gradient (the dual clip included), and the
    widths of the clip.
    """

    loss: float
    gradient: View
    counts: Tensor
    clipped: Tensor
    clip_low: Tensor
    clip_high: Tensor


class MiniBatchLoss:
    """`micro_batch` is how many responses the method sees at once, `horizon` the longest response allowed, in tokens.

    It holds what the method accumulates within a step: make one a step.
    """

    def __init__(self, method: Method, micro_batch: int, horizon: int):
        self.method, self.micro_batch, self.horizon = method, micro_batch, horizon
        self._accumulated: dict[str, float] = {}

    def sensitivity(self, mini_batch: Update, view: View) -> Sensitivity:
        """Of the loss of the whole `mini_batch`, which the current policy sees as `view`."""
        leaves = [value.detach().requires_grad_() for value in view.values()]
        seen = view.with_values(leaves)
        update = replace(mini_batch, log_prob=seen.log_prob, entropy=seen.entropy, logit_terms=seen.terms)
        loss = torch.zeros((), dtype=torch.float64, device=view.entropy.device)
        by_token: list[tuple[Tensor, ...]] = []
        for part, kept in self._parts(update):
            token_loss, _ = self.method.token_loss(part)
            loss = loss + aggregate(
                token_loss, part.mask, self.method.settings.aggregation, **kept, horizon=self.horizon
            )
            by_token.append((part.mask, *self._clip(part)))
        found = torch.autograd.grad(loss, leaves, allow_unused=True) if loss.requires_grad else [None] * len(leaves)
        gradient = [
            torch.zeros_like(leaf) if value is None else value for leaf, value in zip(leaves, found, strict=True)
        ]
        return Sensitivity(loss.item(), view.with_values(gradient), *map(torch.cat, zip(*by_token, strict=True)))

    def _parts(self, update: Update) -> Iterator[tuple[Update, Mapping[str, float]]]:
        """The micro-batches, with the method's statistics, and how many tokens and responses the whole keeps."""
        size = len(update.response_mask)
        cuts = [slice(first, first + self.micro_batch) for first in range(0, size, self.micro_batch)]
        if batch_of(self.method) != "micro_batch":
            whole = with_batch_statistics(self.method, update)
            kept = {"tokens": int(whole.mask.sum()), "responses": int(whole.mask.any(-1).sum())}
            yield from ((rows(whole, cut), kept) for cut in cuts)
            return
        tokens = int(update.response_mask.sum())
        for cut in cuts:
            state = dict(update.training_step.state)
            state |= {name: state[name] + value for name, value in self._accumulated.items()}
            part = replace(rows(update, cut), training_step=replace(update.training_step, state=state))
            part = with_batch_statistics(self.method, part)
            for name, value in self.method.accumulate(part).items():
                share = len(part.response_mask) / size
                self._accumulated[name] = self._accumulated.get(name, 0.0) + value.item() * share
            # what the other parts keep is not known to the method: as if it were the same share
            mask, every = part.mask, part.response_mask
            yield (
                part,
                {
                    "tokens": tokens * (mask.sum() / every.sum().clamp(min=1)).item(),
                    "responses": size * (mask.any(-1).sum() / every.any(-1).sum().clamp(min=1)).item(),
                },
            )

    @torch.no_grad()
    def _clip(self, part: Update) -> tuple[Tensor, Tensor, Tensor]:
        """[B, T] whether the clip takes the gradient, and its two widths."""
        widths = self.method.clip_range(part)
        clipped = self.method.clipped(part, *widths)
        if self.method.has_dual_clip and self.method.settings.dual_clip is not None:
            clipped = clipped | self.method.held_by_dual_clip(part, self.method.settings.dual_clip)
        low, high = (torch.as_tensor(width, dtype=torch.float64).expand_as(part.log_prob) for width in widths)
        return clipped & part.mask, low, high


def in_update(responses: Responses, advantages: Tensor, view: View, chosen: slice) -> Update:
    """The mini-batch of the responses `chosen`, as a method sees it under the policy of `view`, which is of them alone.

    `advantages` [B, T] are of all responses.
    """
    whole = Update(
        **vars(responses),
        log_prob=responses.old_log_prob,
        entropy=responses.old_entropy,
        advantages=advantages,
        mask=responses.response_mask,
    )
    width = view.log_prob.shape[1]
    part = rows(whole, chosen)
    per_token: tuple[str, ...] = ("response_mask", "token_ids", "old_log_prob", "old_entropy", "advantages", "mask")
    per_token += tuple(n for n in ("reference_log_prob", "engine_log_prob") if getattr(part, n) is not None)
    part = replace(part, **{name: getattr(part, name)[:, :width] for name in per_token})
    return replace(part, log_prob=view.log_prob, entropy=view.entropy, logit_terms=view.terms)
