"""The settings that were tried for each method, and those that a held-out set chose. Pure; scores are shares in 0–1.

A table's columns value, low, high, interval and error are those of `estimates.Estimate`.
"""

from typing import Any

import numpy as np
import pandas as pd

from stages.reporting.inputs.results import Results
from stages.reporting.tables.estimates import one_model, over_seeds
from stages.reporting.tables.gains import ESTIMATE, REFERENCE, differences
from stages.statistics.selection import chosen, optimism

COLUMNS = ["method", "point", "settings", "seeds", *ESTIMATE, "chosen", "optimism"]


def grid(results: Results) -> pd.DataFrame:
    """One row a point of each method's grid, `COLUMNS`: avg@k on the held-out set, over seeds.

    `chosen`: whether it is the method's best mean over seeds; of equals, the first. None is chosen of a grid of which a run
    is missing. `optimism`: by how much the score of the method's chosen point falls when the same problems are sampled
    again (stages/statistics/selection.py).
    """
    seeds, rows = results.plan.seeds, []
    for method, points in points_of(results).items():
        scored = {name: [results.held_out.get(f"{name}-{seed}") for seed in seeds] for name in points}
        whole = all(graded is not None for of_point in scored.values() for graded in of_point)
        best, falls = None, None
        if whole:
            by_seed = [np.stack([scored[name][i].correct for name in points]) for i in range(len(seeds))]  # type: ignore[union-attr]
            best, falls = list(points)[chosen(by_seed)], optimism(by_seed, results.plan.bench_seed)
        for name, settings in points.items():
            found = [one_model(graded.correct) for graded in scored[name] if graded is not None]
            if found:
                words = ", ".join(f"{setting} {value}" for setting, value in settings.items())
                rows.append((method, name, words, len(found), *over_seeds(found), name == best, falls))
    return pd.DataFrame(rows, columns=COLUMNS)


def tuned_gains(results: Results, tried: pd.DataFrame) -> pd.DataFrame:
    """avg@k of each method's chosen point less that of GRPO's, on the benchmarks: the columns of `differences`.

    `tried`: the table of `grid`.
    """
    best = {row.method: row.point for row in tried.itertuples() if row.chosen}
    reference = best.pop(REFERENCE, None)
    return differences(results, {} if reference is None else dict.fromkeys(best.values(), reference))


def points_of(results: Results) -> dict[str, dict[str, dict[str, Any]]]:
    """Method -> its points, name -> what each tries; {} where nothing is tuned."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name, point in (results.plan.tuning.points() if results.plan.tuning else {}).items():
        found.setdefault(point.of, {})[name] = point.settings
    return found


def untuned(results: Results) -> list[str]:
    """The methods that were trained without a choice among settings."""
    tried = {name for points in points_of(results).values() for name in points}
    return [name for name in results.methods if name not in tried]
