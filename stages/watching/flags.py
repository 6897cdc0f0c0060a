"""What is wrong with a training, seen in its step log: collapse, explosion, length blow-up. Pure.

Nobody published such thresholds: these are this bench's choice, all relative to a run's own first steps, and settings of
`python -m stages.watch`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

FIRST_STEPS = 3  # whose mean is the run's start: one step of a few responses says little


class Thresholds(NamedTuple):
    """The first three are multiples of the run's start; `stall` is one of its own median time a step."""

    collapse: float = 0.2
    explosion: float = 3.0
    length: float = 2.0
    stall: float = 5.0
    stall_seconds: float = 120.0  # a step that has taken less is never stalled


class Flag(NamedTuple):
    """`step`: the first of those steps, up to the last, at which it holds; `threshold` in the unit of `value`."""

    name: str
    step: int
    value: float
    threshold: float

    def text(self) -> str:
        return f"{self.name} since step {self.step}: {self.value:.3g}, threshold {self.threshold:.3g}"


def flags(lines: Sequence[Mapping[str, Any]], thresholds: Thresholds) -> list[Flag]:
    """Those that hold at the last of a step log's `lines`. None before `FIRST_STEPS` are there."""
    if len(lines) <= FIRST_STEPS:
        return []
    tests: list[tuple[str, str, float, Callable[[float, float], bool]]] = [
        ("collapse of entropy", "entropy", thresholds.collapse, lambda value, bound: value < bound),
        ("explosion of entropy", "entropy", thresholds.explosion, lambda value, bound: value > bound),
        ("length blow-up", "response_length", thresholds.length, lambda value, bound: value > bound),
    ]
    found = []
    for name, column, factor, is_beyond in tests:
        bound = factor * sum(line[column] for line in lines[:FIRST_STEPS]) / FIRST_STEPS
        since = None
        for line in reversed(lines[FIRST_STEPS:]):
            if not is_beyond(line[column], bound):
                break
            since = line["step"]
        if since is not None:
            found.append(Flag(name, since, lines[-1][column], bound))
    return found


def stalled(step: int, waited: float, usual: float, thresholds: Thresholds) -> Flag | None:
    """Of the step that is running: `waited` seconds so far, where a step usually takes `usual`."""
    bound = max(thresholds.stall * usual, thresholds.stall_seconds)
    return Flag("stalled step, seconds", step, waited, bound) if waited > bound else None
