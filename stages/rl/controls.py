"""Controls: a method with its criterion taken away and its strength kept. What it gains beyond them is the criterion's.

    random_same_count    as many tokens or responses as the method selects, with the same sign of the advantage, at random
    constant_same_mean   every token weighs what the method's weights are on average

A setting, `control`, of every method that selects (`Method.selects`) or weighs (`Method.weighs`, `Method.token_weight`).
What the loss asks of a micro-batch is settled for the whole mini-batch; a method that needs nothing else of the mini-batch
makes one pass without gradient over it for that. A method that selects or weighs and has no control says why
(`Method.without_control`). A run under a control is declared beside the method's own:

    methods: [clip_cov, clip_cov_random]
    method_settings: {clip_cov_random: {method: clip_cov, control: random_same_count}}
"""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from stages.rl.advantages import group_centred
from stages.rl.batch import Responses, Update, masked_mean, uniform

Control = Literal["none", "random_same_count", "constant_same_mean"]
Judgement = Callable[[Any], Tensor]  # of a batch: what is selected of it, or what it weighs


def controls_of(method: Any) -> tuple[Control, ...]:
    """The controls that a method, or a class of methods, has."""
    kinds: tuple[Control, ...] = ("random_same_count", "constant_same_mean")
    return tuple(kind for kind in kinds if replaced_by(method, kind))


def replaced_by(method: Any, control: Control) -> tuple[str, ...]:
    """The functions of `method` that `control` takes the criterion from."""
    if control == "random_same_count":
        return method.selects
    if control == "constant_same_mean":
        return (*method.weighs, *(("token_weight",) if method.changes("token_weight") else ()))
    return ()


def asked_in_loss(method: Any) -> tuple[str, ...]:
    """Those of the replaced functions that the loss asks of a micro-batch."""
    names = replaced_by(method, method.settings.control)
    return tuple(name for name in names if name == "token_weight" or name in method.asked_in_loss)


def apply(method: Any, control: Control) -> None:
    """Puts `method` under `control`; ValueError when it has none such."""
    if control == "none":
        return
    if control not in controls_of(method):
        known = ", ".join(controls_of(method)) or "none"
        reason = f" ({method.without_control})" if method.without_control else ""
        raise ValueError(f"control: this method has no {control}; its controls are: {known}{reason}")
    in_loss = asked_in_loss(method)
    for name in replaced_by(method, control):
        judge = getattr(method, name)
        if control == "random_same_count":
            controlled = at_random(judge, f"control:{name}")
        else:
            controlled = at_mean(judge, as_number=name in in_loss)
        setattr(method, name, _settled(controlled, name) if name in in_loss else controlled)


def statistics(method: Any, mini_batch: Update) -> dict[str, Tensor]:
    """What the control of `method` has to know of the whole mini-batch, by the name of the function that it replaces."""
    found = {name: getattr(method, name)(mini_batch) for name in asked_in_loss(method)}
    return {
        _statistic(name): value.expand_as(mini_batch.mask) if value.ndim else value for name, value in found.items()
    }


def at_random(select: Judgement, salt: str) -> Judgement:
    """`select` with its choice dealt out at random among tokens, or responses, of the same sign of the advantage.

    `select` gives [B, T] of a batch, of which real tokens are dealt out over the batch, or [B] or [B, 1], which is dealt
    out within each group. What is no choice but a value, such as a coefficient, is dealt out as well, so that each value
    occurs as often as before.
    """

    def selected(batch: Responses) -> Tensor:
        values = select(batch)
        per_token = values.shape == batch.response_mask.shape
        noise = uniform(batch, salt, per_token=per_token)
        if per_token:
            sign = batch.advantages if isinstance(batch, Update) else _centred(batch)[:, None]
            places = batch.response_mask
            member = sign.sign().expand_as(values)[places]
        else:
            places = torch.ones_like(values, dtype=torch.bool)
            member = batch.group * 3 + _centred(batch).sign() + 1
        given, noise = values[places], noise.view_as(values)[places]
        dealt = torch.empty_like(given)
        dealt[_ordered(noise, member)] = given[_ordered(given, member)]
        return values.clone().masked_scatter(places, dealt)

    return selected


def at_mean(weigh: Judgement, as_number: bool) -> Judgement:
    """`weigh` with the mean of its weights over the tokens of a batch in the place of each; or as one number."""

    def weighed(batch: Responses) -> Tensor:
        weight = torch.as_tensor(weigh(batch), dtype=batch.old_log_prob.dtype).detach()
        of_tokens = weight[:, None] if weight.ndim == 1 else weight
        mask = batch.mask if isinstance(batch, Update) else batch.response_mask
        mean = masked_mean(of_tokens.expand_as(mask), mask)
        return mean if as_number else mean.expand_as(weight)

    return weighed


def _settled(controlled: Judgement, name: str) -> Judgement:
    """`controlled`, but what it said of the whole mini-batch where that is known."""

    def asked(batch: Update) -> Tensor:
        known = batch.statistics.get(_statistic(name))
        return controlled(batch) if known is None else known

    return asked


def _statistic(name: str) -> str:
    return f"control_{name}"


def _ordered(values: Tensor, member: Tensor) -> Tensor:
    """The places of `values` [n], ascending within each class of `member` [n], class after class."""
    order = values.argsort(stable=True)
    return order[member[order].argsort(stable=True)]


def _centred(batch: Responses) -> Tensor:
    """[B] what has the sign of the advantage before any method looks at tokens: the reward minus its group's mean."""
    return group_centred(batch.rewards, batch.group)
