"""The rule by which one published number is judged. Pure functions.

In this order, d = ours - published, e its standard error, t a quantile of Student's t, all in points:

    not comparable         something that both sides state differs; decided without reading the scores
    inconclusive           fewer than three training seeds
    equivalent within ±m   |d| + t(95 %)·e < m: two one-sided tests of level 5 % (Schuirmann 1987)
    not reproduced         |d| > t(97.5 %)·e: a two-sided test of level 5 %
    inconclusive           otherwise

m is the equivalence margin, stated before anything ran. A difference can be beyond chance and yet within the margin:
that is equivalent, and the reason says so. e is of stages/statistics/contrasts.py.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stages.statistics.contrasts import LEVEL, Error

SEEDS = 3  # fewer say nothing about training's variance
EQUIVALENT, NOT_REPRODUCED, INCONCLUSIVE, NOT_COMPARABLE = KINDS = (
    "equivalent",
    "not reproduced",
    "inconclusive",
    "not comparable",
)
ONE_SIDED = 1 - 2 * (1 - LEVEL)  # two one-sided tests of level 5 % are one interval of 90 %


class Verdict(NamedTuple):
    """The verdict on one published number."""

    kind: str  # one of KINDS
    difference: float | None  # ours - published, points; None if not comparable or too few seeds
    half_width: float | None  # of the 95 % interval, points; None also where no seed differs from another
    reason: str
    p: float | None = None  # of the two-sided t-test of difference 0, before any correction
    margin: float | None = None  # points
    unknown: tuple[str, ...] = ()  # protocol fields that one side does not state
    withdrawn: bool = False  # "not reproduced" by itself, but not in its family

    @property
    def text(self) -> str:
        kind = f"equivalent within ±{points(self.margin)}" if self.kind == EQUIVALENT else self.kind
        if not self.unknown or self.kind == NOT_COMPARABLE:
            return kind
        return f"{kind}, {len(self.unknown)} field{'s' * (len(self.unknown) > 1)} unknown"


def not_comparable(forbidding: Sequence[str], unknown: Sequence[str] = ()) -> Verdict:
    return Verdict(NOT_COMPARABLE, None, None, "; ".join([*forbidding, *_unknown(unknown)]), unknown=tuple(unknown))


def too_few(seeds: int, unknown: Sequence[str] = ()) -> Verdict:
    reason = f"{seeds} of at least {SEEDS} seeds, {SEEDS - seeds} missing: training variance unknown"
    return Verdict(INCONCLUSIVE, None, None, "; ".join([reason, *_unknown(unknown)]), unknown=tuple(unknown))


def judge(difference: float, error: Error, margin: float, unknown: Sequence[str] = (), advice: str = "") -> Verdict:
    """The verdict on a published number that can be compared. Points.

    `unknown`: protocol fields that one side does not state. `advice`: what would decide, said where nothing is decided.
    ValueError unless difference, error and margin are finite numbers and the latter two not below 0.
    """
    if not np.isfinite([difference, error.standard, margin]).all() or error.standard < 0 or margin < 0:
        raise ValueError(f"expected finite numbers: difference {difference}, error {error}, margin {margin}")
    shown = f"the difference is {_signed(difference)}"
    rest = _unknown(unknown)
    if error.standard == 0:
        reason = f"{shown}, but nothing varied, so nothing says how far it may be chance"
        return Verdict(
            INCONCLUSIVE, difference, None, "; ".join([reason, *rest]), margin=margin, unknown=tuple(unknown)
        )
    half, narrow, p = error.half_width(), error.half_width(ONE_SIDED), error.p(difference)
    shown = f"{shown}, 95 % interval {_interval(difference, half)}"
    within = f"90 % interval {_interval(difference, narrow)}, margin ±{points(margin)}"
    if abs(difference) + narrow < margin:
        kind = EQUIVALENT
        reasons = [
            f"{shown}; {within}" + (": a difference, but one within the margin" if abs(difference) > half else "")
        ]
    elif abs(difference) > half:
        kind, reasons = NOT_REPRODUCED, [f"{shown}, which is beyond chance"]
    else:
        kind, reasons = INCONCLUSIVE, [f"{shown}; {within}: neither different nor equivalent", *[advice] * bool(advice)]
    return Verdict(kind, difference, half, "; ".join([*reasons, *rest]), p, margin, tuple(unknown))


def _unknown(fields: Sequence[str]) -> list[str]:
    return [f"not stated on one side: {', '.join(fields)}"] if fields else []


def _interval(difference: float, half: float) -> str:
    return f"[{_signed(difference - half)}, {_signed(difference + half)}]"


def points(value: float | None) -> str:
    """A margin as it is printed: `7`, `2.6`, `0.25`."""
    return f"{round(value or 0.0, 2):g}"


def _signed(value: float) -> str:
    return f"{round(value, 1) or 0.0:+.1f}"  # never -0.0
