"""The rule by which one published number is judged. Pure functions.

In this order, d = mean(ours) - published, h = t · √(s²/S + s_P²), all in points:

    inconclusive           fewer than three seeds
    not comparable         a protocol field that both sides know differs; decided without reading the scores
    not reproduced         |d| > h
    reproduced within ±h   |d| <= h <= width
    inconclusive           h > width: the interval is too wide to say

S is the number of our training seeds, s² the variance over them, s_P² the variance of the published number.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtr, stdtrit
from statsmodels.stats.multitest import multipletests

from stages.protocols.differences import Difference

LEVEL = 0.95
SEEDS = 3  # fewer say nothing about training's variance
MOST_SEEDS = 100  # more are not proposed to anybody
REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE, NOT_COMPARABLE = KINDS = (
    "reproduced",
    "not reproduced",
    "inconclusive",
    "not comparable",
)


class Verdict(NamedTuple):
    """The verdict on one published number."""

    kind: str  # one of KINDS
    difference: float | None  # ours - published, points; None if not comparable or too few seeds
    half_width: float | None  # h, points; None also where no seed differs from another
    reason: str
    p: float | None = None  # of the two-sided t-test of difference 0, before Holm

    @property
    def text(self) -> str:
        return f"reproduced within ±{self.half_width:.1f}" if self.kind == REPRODUCED else self.kind


class FalseAlarms(NamedTuple):
    """How many verdicts tested a difference, and how many of them are expected to be wrong."""

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
    ValueError where the scores are read and one of them, or their standard deviation, is no finite number.
    """
    seeds = len(ours)
    unstated = sorted({difference.field for difference in differences if not difference.known})
    remark = f"; not stated on one side: {', '.join(unstated)}" if unstated else ""
    if seeds < SEEDS:
        reason = f"{seeds} of at least {SEEDS} seeds, {SEEDS - seeds} missing: training variance unknown"
        return Verdict(INCONCLUSIVE, None, None, reason)
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
    half = float(stdtrit(degrees, (1 + LEVEL) / 2)) * error
    if error == 0:
        reason = f"the difference is {shown:+.1f}, but no seed differs from another, so nothing says how far it may be chance"
        return Verdict(INCONCLUSIVE, difference, None, f"{reason}{remark}")
    p = float(2 * stdtr(degrees, -abs(difference) / error))
    if abs(difference) > half:
        reason = f"the difference of {shown:+.1f} is beyond ±{half:.1f} points{remark}"
        return Verdict(NOT_REPRODUCED, difference, half, reason, p)
    if half <= width:
        reason = f"the difference of {shown:+.1f} is within ±{half:.1f} points, {width:g} being allowed{remark}"
        return Verdict(REPRODUCED, difference, half, reason, p)
    needed = seeds_needed(pooled_sd, degrees / (seeds - 1), variance, width)
    reason = f"the interval of ±{half:.1f} points is wider than the {width:g} allowed; {_advice(needed, pooled_sd, variance)}"
    return Verdict(INCONCLUSIVE, difference, half, f"{reason}{remark}", p)


def seeds_needed(pooled_sd: float, degrees_per_seed: float, published_variance: float, width: float) -> int | None:
    """The fewest training seeds, from SEEDS on, with h <= `width`: the verdict is then reproduced or not reproduced.

    Assumes that seeds keep varying by `pooled_sd`, and that every method is trained with each further seed:
    S seeds give `degrees_per_seed` · (S - 1) degrees of freedom. `published_variance` is s_P², which our seeds do not
    change. Points, and their squares. None if MOST_SEEDS are not enough.
    """
    seeds = np.arange(SEEDS, MOST_SEEDS + 1)
    quantiles = stdtrit(degrees_per_seed * (seeds - 1), (1 + LEVEL) / 2)
    enough = seeds[quantiles * np.sqrt(pooled_sd**2 / seeds + published_variance) <= width]
    return int(enough[0]) if enough.size else None


def _advice(needed: int | None, pooled_sd: float, published_variance: float) -> str:
    if needed is None:
        own = ndtri((1 + LEVEL) / 2) * np.sqrt(published_variance)
        return f"{MOST_SEEDS} seeds would not be enough, as ±{own:.1f} are the published number's own"
    return f"{needed} seeds of every method would narrow it to that, if their standard deviation stays {pooled_sd:.1f}"


def after_holm(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts of one family after Holm's correction (1979) of those that tested a difference.

    "not reproduced" becomes "inconclusive" where the corrected p is above 1 - LEVEL; nothing else changes.
    """
    final = list(verdicts)
    tested = [index for index, verdict in enumerate(verdicts) if verdict.p is not None]
    if not tested:
        return final
    corrected = multipletests([verdicts[index].p for index in tested], method="holm")[1]
    for index, p in zip(tested, corrected, strict=True):
        verdict = verdicts[index]
        if verdict.kind == NOT_REPRODUCED and p > 1 - LEVEL:
            family = f"Holm's correction over {len(tested)} headline verdicts (p {p:.2f})"
            final[index] = verdict._replace(kind=INCONCLUSIVE, reason=f"{verdict.reason}, but not after {family}")
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
