"""Scores of one model from a table of right and wrong samples.

Shapes: `correct` is [problems, samples a problem], of 0 and 1.
"""

import numpy as np
from numpy.typing import ArrayLike


def avg_at_k(correct: ArrayLike) -> float:
    """The mean over problems of the share of samples that are right."""
    return float(as_table(correct).mean(axis=1).mean())


def pass_at_k(correct: ArrayLike, k: int) -> float:
    """The unbiased estimate of the chance that one of k samples is right: mean_i [1 - C(n - c_i, k) / C(n, k)].

    Chen et al. 2021 (arXiv 2107.03374), equation 1, in the product form of its appendix A:
    C(n - c, k) / C(n, k) = prod_{j = n-c+1..n} (1 - k / j), where no large number arises. n samples a problem, c_i of
    them right. ValueError unless 1 <= k <= n: fewer samples than k allow no unbiased estimate.
    """
    table = as_table(correct)
    n = table.shape[1]
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} needs 1 <= k <= {n}, the samples a problem")
    # By number of right samples c: failing[c] = prod over the last c factors; zero once n - c < k.
    factors = np.clip(1.0 - k / np.arange(n, 0, -1), 0.0, None)
    failing = np.concatenate([[1.0], np.cumprod(factors)])
    return float((1.0 - failing[table.sum(axis=1).astype(int)]).mean())


def as_table(correct: ArrayLike) -> np.ndarray:
    """`correct` as floats; ValueError unless it is a table [problems, samples a problem] of 0 and 1."""
    table = np.asarray(correct, dtype=float)
    if table.ndim != 2 or 0 in table.shape or not np.isin(table, (0.0, 1.0)).all():
        raise ValueError(f"expected a table [problems, samples] of 0 and 1, not one of shape {table.shape}")
    return table
