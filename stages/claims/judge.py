"""What a test's numbers say, and what a claim's tests say together."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from stages.claims.quantities import Measured, identical, missing_runs, numbers
from stages.claims.schema import Claim, Test
from stages.statistics import seed_interval

Outcome = Literal["supported", "contradicted", "inconclusive", "not run", "not testable here"]
LEVEL = 0.95
FEWEST_SEEDS = 3


class Finding(NamedTuple):
    """What became of a test. `seeds`: how many, or how many rollout batches of a probe, it rests on. `mean`, `low` and `high`
    are NaN where there are fewer than two seeds, or for `same_as`, where `mean` is the share of seeds that agree. `reason`
    says why there is no outcome; `values` are the numbers of the seeds that the outcome rests on.
    """

    outcome: Outcome
    seeds: int
    mean: float
    low: float
    high: float
    reason: str = ""
    values: tuple[float, ...] = ()


NOTHING = (float("nan"), float("nan"), float("nan"))


def judge(test: Test, measured: Measured) -> Finding:
    """The outcome of a test; `not run` names the runs that are missing."""
    if missing := missing_runs(test, measured):
        return Finding("not run", 0, *NOTHING, f"no {'run of' if test.probe is None else 'probe'} {', '.join(missing)}")
    if test.same_as is not None:
        return _of_identity(identical(test, measured))
    found = list(numbers(test, measured).values())
    if len(found) < FEWEST_SEEDS:
        of = "seeds" if test.probe is None else "rollout batches"
        reason = f"{len(found)} of at least {FEWEST_SEEDS} {of} have this number"
        mean = float(np.mean(found)) if found else float("nan")
        return Finding("inconclusive", len(found), mean, float("nan"), float("nan"), reason)
    interval = seed_interval(found, LEVEL)
    return Finding(
        _outcome(test, found), len(found), float(np.mean(found)), interval.low, interval.high, values=tuple(found)
    )


def _of_identity(same: dict[int, bool]) -> Finding:
    if not same:
        return Finding("inconclusive", 0, *NOTHING, "the two runs have no seed in common")
    outcome: Outcome = "supported" if all(same.values()) else "contradicted"
    return Finding(outcome, len(same), sum(same.values()) / len(same), float("nan"), float("nan"))


def _outcome(test: Test, found: Sequence[float]) -> Outcome:
    interval, bound = seed_interval(found, LEVEL), test.bound
    if test.expect == "close":
        margin = test.margin or 0.0
        within = seed_interval(found, 2 * LEVEL - 1)  # two one-sided tests, each at 1 − LEVEL
        if bound - margin < within.low and within.high < bound + margin:
            return "supported"
        apart = interval.high < bound - margin or interval.low > bound + margin
        return "contradicted" if apart else "inconclusive"
    above, below = interval.low > bound, interval.high < bound
    if above or below:
        return "supported" if above == (test.expect == "higher") else "contradicted"
    return "inconclusive"


def together(claim: Claim, findings: Sequence[Finding]) -> Outcome:
    """Contradicted when one test is, supported when all are; else not run where a run is missing, else inconclusive."""
    if claim.not_testable is not None:
        return "not testable here"
    outcomes = {finding.outcome for finding in findings}
    if "contradicted" in outcomes:
        return "contradicted"
    if outcomes == {"supported"}:
        return "supported"
    return "not run" if "not run" in outcomes else "inconclusive"
