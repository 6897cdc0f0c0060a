"""The rule by which one published number is judged. Pure functions.

In this order, d = mean(ours) - published, h = t · √(s²/S + s_P²), all in points:

    inconclusive           fewer than three seeds
    not comparable         a protocol field that both sides know differs; decided without reading the scores
    not reproduced         |d| > h
    reproduced within ±h   |d| <= h <= width
    inconclusive           h > width: the interval is too wide to say
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
from scipy import stats

from stages.statistics import holm

LEVEL = 0.95
SEEDS = 3  # fewer say nothing about training's variance
REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE, NOT_COMPARABLE = KINDS = (
    "reproduced",
    "not reproduced",
    "inconclusive",
    "not comparable",
)


class Difference(Protocol):
    """One field in which two protocols differ (`known`), or that one side does not state (not `known`)."""

    field: str
    ours: object
    theirs: object
    known: bool


class Verdict(NamedTuple):
    kind: str  # one of KINDS
    difference: float | None  # ours - published, points; None if not comparable or too few seeds
    half_width: float | None  # h, points; None also where no seed differs from another
    reason: str
    p: float | None = None  # of the two-sided t-test of difference 0, before Holm

    @property
    def text(self) -> str:
        return f"reproduced within ±{self.half_width:.1f}" if self.kind == REPRODUCED else self.kind


class FalseAlarms(NamedTuple):
    scores: int  # verdicts on single scores that tested a difference
    headline: int  # headline verdicts that did
    expected: float  # false "not reproduced" among the single scores, if every published number were true
    text: str


def judge(
    ours: np.ndarray,
    published: float,
    published_sd: float | None,
    published_runs: int | None,
    pooled_sd: float,
    degrees: int,
    width: float,
    differences: Sequence[Difference],
) -> Verdict:
    """The verdict on one published number.

    `ours` [seeds] in points; `published_sd` the printed standard deviation over runs, None if none is printed (then
    ours stands for it); `published_runs` how many runs the published value is the mean of (None: one); `pooled_sd` our
    standard deviation over seeds, pooled over methods, and its `degrees`; `width` the widest half-interval in points
    that may be called a reproduction. A field that one side does not state decides nothing; the reason names it.
    """
    seeds = len(ours)
    unstated = sorted({difference.field for difference in differences if not difference.known})
    remark = f"; not stated on one side: {', '.join(unstated)}" if unstated else ""
    if seeds < SEEDS:
        return Verdict(
            INCONCLUSIVE,
            None,
            None,
            f"{seeds} of at least {SEEDS} seeds, {SEEDS - seeds} missing: training variance unknown",
        )
    if known := [difference for difference in differences if difference.known]:
        fields = "; ".join(f"{each.field} is {each.ours} here, {each.theirs} there" for each in known)
        return Verdict(NOT_COMPARABLE, None, None, f"the protocol differs: {fields}{remark}")
    if not np.isfinite([*ours, published, pooled_sd]).all() or pooled_sd < 0 or degrees < 1:
        raise ValueError(
            f"scores must be finite: ours {list(ours)}, published {published}, sd {pooled_sd}, df {degrees}"
        )
    difference = float(np.mean(ours) - published)
    shown = round(difference, 1) or 0.0  # never -0.0
    variance = (pooled_sd if published_sd is None else published_sd) ** 2 / (published_runs or 1)
    error = float(np.sqrt(pooled_sd**2 / seeds + variance))
    half = float(stats.t.ppf((1 + LEVEL) / 2, degrees)) * error
    if error == 0:
        reason = f"the difference is {shown:+.1f}, but no seed differs from another, so nothing says how far it may be chance"
        return Verdict(INCONCLUSIVE, difference, None, f"{reason}{remark}")
    p = float(2 * stats.t.sf(abs(difference) / error, degrees))
    if abs(difference) > half:
        return Verdict(
            NOT_REPRODUCED,
            difference,
            half,
            f"the difference of {shown:+.1f} is beyond ±{half:.1f} points{remark}",
            p,
        )
    if half <= width:
        reason = f"the difference of {shown:+.1f} is within ±{half:.1f} points, {width:g} being allowed{remark}"
        return Verdict(REPRODUCED, difference, half, reason, p)
    reason = f"the interval of ±{half:.1f} points is wider than the {width:g} allowed{remark}"
    return Verdict(INCONCLUSIVE, difference, half, reason, p)


def after_holm(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts as one family: a `not reproduced` that Holm's correction does not keep becomes `inconclusive`."""
    tested = [verdict.p for verdict in verdicts if verdict.p is not None]
    if not tested:
        return list(verdicts)
    corrected = iter(holm(tested))
    final = []
    for verdict in verdicts:
        p = None if verdict.p is None else next(corrected)
        if verdict.kind == NOT_REPRODUCED and p > 1 - LEVEL:
            reason = (
                f"{verdict.reason}, but not after Holm's correction over {len(tested)} headline verdicts (p {p:.2f})"
            )
            verdict = verdict._replace(kind=INCONCLUSIVE, reason=reason)
        final.append(verdict)
    return final


def false_alarms(table: pd.DataFrame) -> FalseAlarms:
    """How many false "not reproduced" to expect in the result of `compare`, if every published number were true."""
    tested = table[table["half_width"].notna()]
    headline = int(tested["headline"].sum())
    scores = len(tested) - headline
    expected = (1 - LEVEL) * scores
    text = (
        f"If every published number were true, about {expected:.1f} of {scores} verdicts on single scores would read"
        f" “not reproduced” by chance; among the {headline} headline verdicts, held together by Holm's correction, any"
        f" such would appear with a chance of at most {1 - LEVEL:.0%}."
    )
    return FalseAlarms(scores, headline, expected, text)
