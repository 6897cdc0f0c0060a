"""How well an estimate says what happened, and intervals over batches. numpy and scipy only."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from stages.statistics import seed_interval


def agreement(estimate: np.ndarray, exact: np.ndarray, scale: bool = True) -> dict[str, float]:
    """`AGREEMENTS` of `estimate` against `exact`, [states] each; NaN where one of them does not vary.

    pearson, spearman   correlation over states
    sign                share of the states where neither is 0 in which both have the same sign
    residual            ‖exact − k·estimate‖ / ‖exact‖: 0 for one that says all, 1 for one that says nothing; k is the factor that
                        makes it least, as estimates are known up to a factor, and 1 without `scale`
    """
    both = (estimate != 0) & (exact != 0)
    squares = float(estimate @ estimate)
    factor = float(estimate @ exact) / squares if scale and squares else 1.0
    size = float(np.linalg.norm(exact))
    return {
        "pearson": correlation(estimate, exact),
        "spearman": correlation(rankdata(estimate), rankdata(exact)),
        "sign": float((np.sign(estimate) == np.sign(exact))[both].mean()) if both.any() else float("nan"),
        "residual": float(np.linalg.norm(exact - factor * estimate)) / size if size else float("nan"),
    }


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's; NaN where one of them does not vary."""
    one, other = first - first.mean(), second - second.mean()
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / size if size else float("nan")


def over_batches(
    rows: Iterable[Mapping[str, Any]], keys: Sequence[str], values: Sequence[str]
) -> list[dict[str, str | float | None]]:
    """A row for each combination of `keys`, in order of first appearance: of each of `values` the mean over batches, and the ends of
    its 95 % interval (t, as over seeds) under `<value>_low` and `<value>_high`.

    A value that is NaN in a batch is left out of its mean; None where none is left, and the ends where fewer than two are.
    """
    grouped: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        grouped.setdefault(tuple(row[key] for key in keys), []).append(row)
    found = []
    for group, members in grouped.items():
        line: dict[str, Any] = dict(zip(keys, group, strict=True))
        for name in values:
            known = [float(row[name]) for row in members if row[name] is not None and np.isfinite(row[name])]
            interval = seed_interval(known) if len(known) > 1 else None
            line[name] = float(np.mean(known)) if known else None
            line[f"{name}_low"], line[f"{name}_high"] = (interval.low, interval.high) if interval else (None, None)
        found.append(line)
    return found
