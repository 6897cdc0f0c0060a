"""Controls: a method with its criterion taken away and its strength kept. What it gains beyond them is the criterion's.

    random_same_count    as many tokens or responses as the method selects, with the same sign of the advantage, at random
    constant_same_mean   every token weighs what the method's weights of the mini-batch are on average; a method that needs
                         nothing else of the mini-batch makes one pass without gradient over it for that

A setting, `control`, of every method that selects (`Method.selects`) or weighs (`Method.token_weight`). One that selects by
the sign of the advantage alone has no random_same_count, which would select the same. A run under a control is declared
beside the method's own:

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
CONSTANT = "constant_weight"  # the statistic that holds the mean weight of the mini-batch


def controls_of(method: Any) -> tuple[Control, ...]:
    """The controls that a method, or a class of methods, has."""
    found: list[Control] = ["random_same_count"] if method.selects else []
    return (*found, *(("constant_same_mean",) if method.changes("token_weight") else ()))


def apply(method: Any, control: Control) -> None:
    """Puts `method` under `control`; ValueError when it has none such."""
    if control == "none":
        return
    if control not in controls_of(method):
        known = ", ".join(controls_of(method)) or "none"
        raise ValueError(f"control: this method has no {control}; its controls are: {known}")
    if control == "random_same_count":
        for name in method.selects:
            setattr(method, name, at_random(getattr(method, name), f"control:{name}"))


def at_random(select: Callable[[Any], Tensor], salt: str) -> Callable[[Any], Tensor]:
    """`select` with its choice dealt out at random among tokens, or responses, of the same sign of the advantage.

    `select` gives [B, T] of a batch, of which real tokens are dealt out over the batch, or [B], which is dealt out within
    each group. What is no choice but a value, such as a coefficient, is dealt out as well, so that each value occurs as
    often as before.
    """

    def selected(batch: Responses) -> Tensor:
        values = select(batch)
        per_token = values.ndim == 2
        noise = uniform(batch, salt, per_token=per_token)
        if per_token:
            sign = batch.advantages if isinstance(batch, Update) else _centred(batch)[:, None]
            classes = torch.where(batch.response_mask, sign.sign().expand_as(values), torch.nan)
        else:
            classes = batch.group * 3 + _centred(batch).sign() + 1
        dealt = values.clone()
        for member in classes[~classes.isnan()].unique():
            places = classes == member
            order = noise[places].argsort()
            mixed = torch.empty_like(values[places])
            mixed[order] = values[places].sort().values
            dealt[places] = mixed
        return dealt

    return selected


def with_constant(method: Any, batch: Update) -> dict[str, Tensor]:
    """The statistic `CONSTANT` where the method is under the control constant_same_mean, else nothing."""
    if method.settings.control != "constant_same_mean":
        return {}
    weight = torch.as_tensor(method.token_weight(batch), dtype=batch.advantages.dtype)
    return {CONSTANT: masked_mean(weight.detach().expand_as(batch.advantages), batch.mask)}


def _centred(batch: Responses) -> Tensor:
    """[B] what has the sign of the advantage before any method looks at tokens: the reward minus its group's mean."""
    return group_centred(batch.rewards, batch.group)
