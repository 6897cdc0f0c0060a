"""Scores and their uncertainty from a table of right and wrong samples. Pure functions of arrays.

Shapes: `correct` is [problems, samples a problem], of 0 and 1.
"""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Interval(NamedTuple):
    low: float
    high: float
    standard_error: float


def avg_at_k(correct: ArrayLike) -> float:
    """The mean over problems of the share of samples that are right."""
    return float(_table(correct).mean(axis=1).mean())


def pass_at_k(correct: ArrayLike, k: int) -> float:
    """The unbiased estimate of the chance that one of k samples is right: mean_i [1 - C(n - c_i, k) / C(n, k)].

    Chen et al. 2021 (arXiv 2107.03374), equation 1, in the product form of its appendix A:
    C(n - c, k) / C(n, k) = prod_{j = n-c+1..n} (1 - k / j), where no large number arises. Raises ValueError unless
    1 <= k <= n, since fewer samples than k allow no unbiased estimate.
    """
    table = _table(correct)
    problems, n = table.shape
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} needs 1 <= k <= {n}, the samples a problem")
    # By number of right samples c: failing[c] = prod over the last c factors; zero once n - c < k.
    factors = np.clip(1.0 - k / np.arange(n, 0, -1), 0.0, None)
    failing = np.concatenate([[1.0], np.cumprod(factors)])
    return float((1.0 - failing[table.sum(axis=1).astype(int)]).mean())


def one_model_interval(correct: ArrayLike, level: float = 0.95) -> Interval | None:
    """An interval for avg@k of this one model on these very problems: only the sampling is uncertain.

    SE^2 = sum_i x_i (1 - x_i) / (k - 1) / n^2, x_i the share of problem i's k samples that are right: each summand
    estimates the variance of x_i without bias. Normal quantile, cut off at 0 and 1. None for k = 1, which says nothing
    about it. It covers neither another training seed nor other problems: print "training variance unknown" beside it.
    """
    table = _table(correct)
    problems, k = table.shape
    if k < 2:
        return None
    shares = table.mean(axis=1)
    error = float(np.sqrt((shares * (1 - shares)).sum() / (k - 1)) / problems)
    mean, reach = float(shares.mean()), NormalDist().inv_cdf((1 + level) / 2) * error
    return Interval(max(0.0, mean - reach), min(1.0, mean + reach), error)


def _table(correct: ArrayLike) -> np.ndarray:
    table = np.asarray(correct, dtype=float)
    if table.ndim != 2 or 0 in table.shape or not np.isin(table, (0.0, 1.0)).all():
        raise ValueError(f"expected a table [problems, samples] of 0 and 1, not one of shape {table.shape}")
    return table
