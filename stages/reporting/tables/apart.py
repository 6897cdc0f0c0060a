"""Which methods are told apart where their training ends, over all pairs together. Pure."""

from itertools import permutations

import pandas as pd

from stages.reporting.tables.estimates import LEVEL
from stages.statistics import honest_difference

MEASURES = ("entropy", "entropy_style", "reward")
PAIR = ["measure", "method", "other", "seeds", "start", "value", "difference", "least", "apart"]


def told_apart(steps: pd.DataFrame, first: int, last: int) -> pd.DataFrame:
    """The columns `PAIR`, a row a measure of `MEASURES` that was logged and an ordered pair of methods.

    start and value: of `method`, means over seeds and over the `first` and the `last` steps of each run; difference: value
    less that of `other`; least: Tukey's honest difference, beyond which two values are apart. Of those methods and seeds
    that are the most runs without a gap; without rows where they are fewer than two methods or seeds. `steps` has columns
    method, seed, step and the measures.
    """
    if steps.empty:
        return pd.DataFrame(columns=PAIR)
    whole, rows = _without_gaps(_by_seed(steps, MEASURES[0], slice(-last, None))), []
    methods, seeds = whole.shape
    logged = [measure for measure in MEASURES if measure in steps]
    for measure in logged if methods > 1 and seeds > 1 else ():
        starts, ends = (
            _by_seed(steps, measure, where).loc[whole.index, whole.columns]
            for where in (slice(first), slice(-last, None))
        )
        least, start, value = honest_difference(ends.to_numpy(), LEVEL), starts.mean(axis=1), ends.mean(axis=1)
        for method, other in permutations(whole.index, 2):
            difference = value[method] - value[other]
            pair = [measure, method, other, seeds, start[method], value[method]]
            rows.append([*pair, difference, least, abs(difference) > least])
    return pd.DataFrame(rows, columns=PAIR)


def _by_seed(steps: pd.DataFrame, measure: str, where: slice) -> pd.DataFrame:
    """[methods, seeds]: the mean over those steps of each run."""
    runs = steps.sort_values("step", kind="stable").groupby(["method", "seed"])[measure]
    table = runs.apply(lambda run: run.iloc[where].mean()).unstack("seed")
    return table.loc[list(dict.fromkeys(steps["method"]))]


def _without_gaps(table: pd.DataFrame) -> pd.DataFrame:
    """The most runs of two seeds or more, which alone can tell methods apart."""
    most_run = table.count().sort_values(ascending=False, kind="stable").index
    blocks = [table[most_run[:seeds]].dropna() for seeds in range(2, len(most_run) + 1)]
    return max(blocks, key=lambda block: block.size, default=table.iloc[:0])
