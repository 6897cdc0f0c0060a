"""The learning rate of one run, where a session's optimiser was made with another."""

from copy import deepcopy
from typing import Any

State = dict[str, Any]


def with_rate(groups: list[State], schedule: State, rate: float | None) -> tuple[list[State], State]:
    """Copies of an optimiser's `param_groups` and of its LambdaLR's state, as they are before the first step, for `rate`.

    The schedule keeps its shape: warm-up and decay are shares of the rate. None: the rate that they were made with.
    """
    groups, schedule = deepcopy(groups), deepcopy(schedule)
    if rate is not None:
        for group in groups:
            group["lr"], group["initial_lr"] = rate * (group["lr"] / group["initial_lr"]), rate
        schedule["base_lrs"] = [group["initial_lr"] for group in groups]
        schedule["_last_lr"] = [group["lr"] for group in groups]
    return groups, schedule
