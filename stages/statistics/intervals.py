"""Intervals for scores and for gains, and the variances that they are made of.

Scores are shares or points: an interval has the unit of its input. NaN raises ValueError.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit
from scipy.stats import studentized_range

from stages.statistics.scores import as_table


class Interval(NamedTuple):
    low: float
    high: float
    standard_error: float


class Pooled(NamedTuple):
    """A variance over training seeds, and the degrees of freedom that it was estimated with."""

    variance: float
    degrees: int


def pool_seeds(scores: ArrayLike) -> Pooled:
    """The variance over S seeds, pooled over M methods: the mean of the methods' variances, with M (S - 1) degrees of
    freedom.

    `scores` [methods, seeds], seeds >= 2. If all methods have the same variance, it is a better estimate than each
    method's own: it says what to expect of further seeds, and decides no verdict.
    """
    table = finite(scores, 2)
    methods, seeds = table.shape
    if seeds < 2:
        raise ValueError(f"a variance over seeds needs two or more, not {seeds}")
    return Pooled(float(table.var(axis=1, ddof=1).mean()), methods * (seeds - 1))


def pool_gains(scores: ArrayLike) -> Pooled:
    """The variance over S seeds of a gain of one method over another, pooled over all pairs of M methods.

    `scores` [methods, seeds], both >= 2; a column is one seed. A score is modelled as method_i + seed_s + e_is: the
    gain between two methods of one seed has the variance 2 var(e), and what a seed does to all methods alike cancels.
    var(e) is the residual mean square of the two-way layout without replication, with (M - 1)(S - 1) degrees of
    freedom. For two methods this is the variance of the paired t-test.
    """
    table = finite(scores, 2)
    methods, seeds = table.shape
    if methods < 2 or seeds < 2:
        raise ValueError(f"gains need two or more methods and seeds, not {methods} and {seeds}")
    residual = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    degrees = (methods - 1) * (seeds - 1)
    return Pooled(float(2 * (residual**2).sum() / degrees), degrees)


def honest_difference(scores: ArrayLike, level: float = 0.95) -> float:
    """The least difference of two methods' means over seeds that is told apart from none, for all pairs of M methods together.

    Tukey's honestly significant difference: were all methods alike, any pair at all would differ by more with the probability
    1 - level. `scores` [methods, seeds], both >= 2; a column is one seed, and what it does to all methods alike cancels, as
    in `pool_gains`. It takes the methods' spreads to be the same. For two methods it is the paired t-test's.
    """
    table = finite(scores, 2)
    pooled = pool_gains(table)
    quantile = studentized_range.ppf(level, table.shape[0], pooled.degrees)
    return float(quantile * np.sqrt(pooled.variance / 2 / table.shape[1]))


def seed_interval(means: ArrayLike, level: float = 0.95) -> Interval:
    """Same questions: mean over S seeds ± t · sd / √S, with the seeds' own standard deviation and S - 1 degrees.

    `means` [seeds]: the score of each training seed, or its gain. ValueError for one seed.
    """
    values = finite(means, 1)
    seeds = len(values)
    if seeds < 2:
        raise ValueError("one seed has no interval over seeds: give two or more")
    error = float(values.std(ddof=1) / np.sqrt(seeds))
    mean, reach = float(values.mean()), float(stdtrit(seeds - 1, (1 + level) / 2)) * error
    return Interval(mean - reach, mean + reach, error)


def one_model_interval(correct: ArrayLike, level: float = 0.95) -> Interval | None:
    """An interval for avg@k of this one model on these very problems: only the sampling is uncertain.

    `correct` [problems, samples a problem] of 0 and 1. SE² = Σ_i x_i (1 - x_i) / (k - 1) / n² for n problems of k
    samples, x_i the share of problem i's samples that are right: x_i (1 - x_i) / (k - 1) estimates the variance of x_i
    without bias. Normal quantile, cut off at 0 and 1. None for k = 1, where the variance cannot be estimated.
    It covers neither another training seed nor other problems: print "training variance unknown" beside it.
    """
    table = as_table(correct)
    problems, k = table.shape
    if k < 2:
        return None
    shares = table.mean(axis=1)
    error = float(np.sqrt((shares * (1 - shares)).sum() / (k - 1)) / problems)
    mean, reach = float(shares.mean()), float(ndtri((1 + level) / 2)) * error
    return Interval(max(0.0, mean - reach), min(1.0, mean + reach), error)


def paired_interval(correct: ArrayLike, reference: ArrayLike, level: float = 0.95) -> Interval | None:
    """An interval for avg@k of this one model less another's on these very problems: only the sampling is uncertain.

    Both [problems, samples a problem] of 0 and 1; sample j of a problem was drawn with the same seed in both. The
    differences of a problem's pairs d_ij have the mean d_i and the variance s_i² over its k pairs: SE² = Σ_i s_i² / k / n².
    Models that write the same text for the same seed differ by less chance than two that know nothing of each other.
    Normal quantile. None for k = 1. It covers neither another training seed nor other problems.
    """
    ours, theirs = as_table(correct), as_table(reference)
    if ours.shape != theirs.shape:
        raise ValueError(f"pairs need tables of one shape, not {ours.shape} and {theirs.shape}")
    problems, k = ours.shape
    if k < 2:
        return None
    differences = ours - theirs
    error = float(np.sqrt(differences.var(axis=1, ddof=1).sum() / k) / problems)
    mean, reach = float(differences.mean()), float(ndtri((1 + level) / 2)) * error
    return Interval(mean - reach, mean + reach, error)


def greatest_sampling_error(share: float, problems: int) -> float:
    """The most that sampling can vary avg@1 of one model on n problems: √(x̄ (1 - x̄) / n).

    One sample a problem does not show which problems are uncertain: Σ x_i (1 - x_i) / n² is at most this (Jensen).
    """
    return float(np.sqrt(share * (1 - share) / problems))


def finite(values: ArrayLike, dimensions: int) -> np.ndarray:
    """`values` as an array of that many dimensions; ValueError if it is empty or holds NaN or infinity."""
    array = np.asarray(values, dtype=float)
    if array.ndim != dimensions or array.size == 0:
        raise ValueError(f"expected {dimensions} dimensions and no empty one, not shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("scores must be finite: NaN or infinity found")
    return array
