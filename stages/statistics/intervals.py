"""Intervals for scores and for gains, and the variances they are made of.

Shapes: `means` is [..., seeds], the score of each training seed; `scores` is [methods, seeds], rows in any fixed
order and a column the same seed for all. Any unit (share or points): an interval has that of its input. NaN raises
ValueError.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from stages.statistics.scores import as_table


class Interval(NamedTuple):
    low: float
    high: float
    standard_error: float


class Pooled(NamedTuple):
    """A variance and the degrees of freedom it was estimated with."""

    variance: float
    degrees: int


def pool_seeds(scores: ArrayLike) -> Pooled:
    """The variance over seeds, pooled over methods: mean of the methods' variances, M (S - 1) degrees of freedom.

    `scores` [methods, seeds], seeds >= 2. Supposes that methods vary alike from seed to seed.
    """
    table = _finite(scores, 2)
    methods, seeds = table.shape
    if seeds < 2:
        raise ValueError(f"a variance over seeds needs two or more, not {seeds}")
    return Pooled(float(table.var(axis=1, ddof=1).mean()), methods * (seeds - 1))


def pool_gains(scores: ArrayLike) -> Pooled:
    """The variance of a gain between two methods of the same seed, pooled over all pairs of methods.

    `scores` [methods, seeds], both >= 2. With m_is = method_i + seed_s + e_is a gain has the variance 2 var(e), and
    var(e) is the residual mean square of the two-way layout without replication, (M - 1)(S - 1) degrees of freedom.
    What a seed does to all methods cancels. With two methods this is the paired t-test's variance.
    """
    table = _finite(scores, 2)
    methods, seeds = table.shape
    if methods < 2 or seeds < 2:
        raise ValueError(f"gains need two or more methods and seeds, not {methods} and {seeds}")
    residual = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    degrees = (methods - 1) * (seeds - 1)
    return Pooled(float(2 * (residual**2).sum() / degrees), degrees)


def seed_interval(means: ArrayLike, pooled: Pooled | None = None, level: float = 0.95) -> Interval:
    """Same questions: mean over S seeds ± t · sd / √S, with the seeds' own sd and S - 1 degrees, or a pooled variance.

    `means` [..., seeds]; the three fields have the shape [...]. ValueError for one seed without a pooled variance.
    """
    values = _finite(means)
    seeds = values.shape[-1]
    if pooled is None:
        if seeds < 2:
            raise ValueError("one seed has no interval: give two or more, or a pooled variance")
        pooled = Pooled(values.var(axis=-1, ddof=1), seeds - 1)
    error = np.sqrt(pooled.variance / seeds)
    reach = stats.t.ppf((1 + level) / 2, pooled.degrees) * error
    mean = values.mean(axis=-1)
    return Interval(mean - reach, mean + reach, error)


def gain_interval(
    method: ArrayLike, baseline: ArrayLike, pooled: Pooled | None = None, level: float = 0.95
) -> Interval:
    """Same questions: the gain of a method over a baseline, paired by seed. Both [..., seeds], seeds in the same order.

    `pooled` is `pool_gains` of all methods; without it the gains' own variance is used, which is the paired t-test.
    """
    ours, theirs = _finite(method), _finite(baseline)
    if ours.shape != theirs.shape:
        raise ValueError(f"gains are paired by seed: shapes {ours.shape} and {theirs.shape} differ")
    return seed_interval(ours - theirs, pooled, level)


def question_interval(scores: ArrayLike, level: float = 0.95) -> Interval:
    """New questions: an interval for the mean score on the population that these problems were drawn from.

    SE = √(C/(C-1) · Σ_i (Σ_j (x_ij - x̄))²) / N, clustered by problem (Miller 2024, arXiv 2411.00640), C problems, N =
    all samples; quantile of t with C - 1 degrees. `scores` [problems, samples a problem]; samples of several seeds of
    one method may stand side by side. ValueError for fewer than two problems.
    """
    table = _finite(scores, 2)
    problems = table.shape[0]
    if problems < 2:
        raise ValueError("an interval over problems needs two or more")
    clusters = (table - table.mean()).sum(axis=1)
    error = float(np.sqrt(problems / (problems - 1) * (clusters**2).sum()) / table.size)
    reach = float(stats.t.ppf((1 + level) / 2, problems - 1)) * error
    return Interval(float(table.mean()) - reach, float(table.mean()) + reach, error)


def one_model_interval(correct: ArrayLike, level: float = 0.95) -> Interval | None:
    """An interval for avg@k of this one model on these very problems: only the sampling is uncertain.

    SE^2 = sum_i x_i (1 - x_i) / (k - 1) / n^2, x_i the share of problem i's k samples that are right: each summand
    estimates the variance of x_i without bias. Normal quantile, cut off at 0 and 1. None for k = 1, which says nothing
    about it. It covers neither another training seed nor other problems: print "training variance unknown" beside it.
    """
    table = as_table(correct)
    problems, k = table.shape
    if k < 2:
        return None
    shares = table.mean(axis=1)
    error = float(np.sqrt((shares * (1 - shares)).sum() / (k - 1)) / problems)
    mean, reach = float(shares.mean()), float(stats.norm.ppf((1 + level) / 2)) * error
    return Interval(max(0.0, mean - reach), min(1.0, mean + reach), error)


def _finite(values: ArrayLike, dimensions: int | None = None) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim == 0 or array.size == 0 or (dimensions and array.ndim != dimensions):
        raise ValueError(f"expected {dimensions or 'one or more'} dimensions and no empty one, not shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("scores must be finite: NaN or infinity found")
    return array
