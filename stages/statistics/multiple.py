"""Many tests at once."""

import numpy as np
from numpy.typing import ArrayLike


def holm(p: ArrayLike) -> np.ndarray:
    """Holm's (1979) adjusted p-values of one family, [tests] -> [tests]: reject where they are <= the family's level.

    The i-th smallest of m is multiplied by m - i (i from 0), and none may be smaller than the one before it.
    """
    values = np.asarray(p, dtype=float)
    if values.ndim != 1 or not ((0 <= values) & (values <= 1)).all():
        raise ValueError(f"expected p-values [tests] between 0 and 1, not {values}")
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)).clip(max=1)
    return adjusted
