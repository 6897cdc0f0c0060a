"""How far the difference between ours and a published number may be chance. Pure; points or shares, as given.

Every method's variance over training seeds is its own: it is not pooled over methods, because one method may vary ten
times as much as the others, and three seeds do not show it. docs/verdict_errors.md has what pooling would cost.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import nctdtrinc, ndtri, stdtr, stdtrit

from stages.statistics.intervals import finite

LEVEL = 0.95
POWER = 0.8  # Cohen 1988: the usual chance of finding a difference that is there
MOST_SEEDS = 100  # more are not proposed to anybody


class Error(NamedTuple):
    """The standard error of a difference, and the degrees of freedom that it was estimated with (inf: known)."""

    standard: float
    degrees: float

    def half_width(self, level: float = LEVEL) -> float:
        """Of the two-sided interval of this level."""
        return float(stdtrit(self.degrees, (1 + level) / 2)) * self.standard

    def p(self, difference: float) -> float:
        """Of the two-sided t-test that the true difference is 0; `standard` is above 0."""
        return float(2 * stdtr(self.degrees, -abs(difference) / self.standard))


def trained_error(
    scores: ArrayLike, runs: int = 1, extra: float = 0.0, spread: float | None = None, spread_runs: int = 2
) -> Error:
    """The error of mean(ours) - published, where the published number is the mean of `runs` trainings.

    `scores` [1, seeds] for a score; [2, seeds] for a gain, a method and then GRPO, a column a training seed. A published
    run varies as ours of the same method does, and a published pair of runs shares no seed: our gain has the variance
    of the paired differences over S seeds, the published one that of two independent scores. With Σ the covariance of
    the rows over seeds and a = (1) or (1, -1), the variance is tr(CΣ), C = aaᵀ/S + diag(a²)/runs. Its degrees of freedom are
    Satterthwaite's (1946) for a Wishart matrix: (S - 1) tr(CΣ)² / tr(CΣCΣ), between S - 1 and rows · (S - 1).

    `extra` is a variance of the published number that is known, as of fewer samples a problem. `spread`, its printed
    standard deviation over `spread_runs` runs, takes the place of ours. Two seeds or more.
    """
    table = finite(scores, 2)
    rows, seeds = table.shape
    if seeds < 2 or rows > 2:
        raise ValueError(f"expected one or two rows and two or more seeds, not shape {table.shape}")
    signs = np.array([1.0, -1.0])[:rows]
    published = np.zeros((rows, rows)) if spread is not None else np.diag(signs**2) / runs
    weighted = (np.outer(signs, signs) / seeds + published) @ np.atleast_2d(np.cov(table))
    ours, squares = float(np.trace(weighted)), float(np.trace(weighted @ weighted)) / (seeds - 1)
    theirs = 0.0 if spread is None else spread**2 / spread_runs
    squares += theirs**2 / max(spread_runs - 1, 1)
    total = max(ours, 0.0) + theirs + extra
    return Error(float(np.sqrt(total)), total**2 / squares if squares > 0 else np.inf)


def least_difference(error: Error, power: float = POWER) -> float:
    """The smallest true difference that a two-sided t-test of level 5 % finds with this chance.

    The noncentrality of Student's t whose lower `1 - power` part ends at the critical value, in units of the error.
    """
    critical = float(stdtrit(error.degrees, (1 + LEVEL) / 2))
    return float(nctdtrinc(error.degrees, 1 - power, critical)) * error.standard


def planned_error(variance: float, seeds: int, published_variance: float = 0.0, rows: int = 1) -> Error:
    """The error to expect with `seeds` training seeds whose scores, or paired gains, have the `variance` over seeds.

    `rows`: 2 where the published number is a gain, whose own variance is estimated from two methods.
    """
    return Error(float(np.sqrt(variance / seeds + published_variance)), rows * (seeds - 1))


def seeds_to_find(difference: float, variance: float, published_variance: float = 0.0, rows: int = 1) -> int | None:
    """The fewest seeds with which a true `difference` is found with the chance POWER; None if MOST_SEEDS do not do."""
    seeds = np.arange(2, MOST_SEEDS + 1)
    degrees, errors = rows * (seeds - 1), np.sqrt(variance / seeds + published_variance)
    least = nctdtrinc(degrees, 1 - POWER, stdtrit(degrees, (1 + LEVEL) / 2)) * errors
    return _first(seeds, least <= difference)


def seeds_for_equivalence(
    margin: float, variance: float, published_variance: float = 0.0, rows: int = 1, fewest: int = 3
) -> int | None:
    """The fewest seeds with which equal numbers are found equivalent within `margin` with the chance POWER.

    Two one-sided tests of level 5 % pass where the observed difference is below margin - t·error; of a normal difference
    with the expected error: 2 Φ(margin / error - t) - 1 >= POWER. None if MOST_SEEDS do not do.
    """
    seeds = np.arange(fewest, MOST_SEEDS + 1)
    errors = np.sqrt(variance / seeds + published_variance)
    return _first(seeds, margin >= (stdtrit(rows * (seeds - 1), LEVEL) + ndtri((1 + POWER) / 2)) * errors)


def _first(seeds: np.ndarray, enough: np.ndarray) -> int | None:
    return int(seeds[enough][0]) if enough.any() else None
