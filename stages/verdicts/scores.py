"""Our scores, checked and laid out as [method, seed] tables."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from stages.files import InputError
from stages.publications.schema import RELEASED

UNTRAINED = -1  # stands for the training seed of a model that has none
COLUMNS = "method seed benchmark metric k value".split()


class Cell(NamedTuple):
    """What one number is of."""

    benchmark: str
    metric: str  # avg or pass
    k: int

    def __str__(self) -> str:
        return f"{self.metric}@{self.k} on {self.benchmark}"


def is_trained(method: str) -> bool:
    """False for the base model and for released ones: they have no training seeds of ours."""
    return method != "base" and not method.startswith(RELEASED)


def tables(scores: pd.DataFrame) -> dict[Cell, pd.DataFrame]:
    """Cell -> table [method, seed] of points, methods in the order of `scores`, seeds ascending.

    Trained methods must have every seed and every cell that any of them has. Other models must have every cell, and may
    have no seed (NA); the seeds they lack are NaN in the table. InputError names the method, seed and benchmark of the
    first row that is NaN, out of 0 to 100, doubled or missing, and a benchmark whose avg has two k.
    """
    if missing := [name for name in COLUMNS if name not in scores.columns]:
        raise InputError(f"scores: column {', '.join(missing)} is missing")
    untrained = ~scores["method"].map(is_trained).astype(bool)
    for row in scores[scores["seed"].isna() & ~untrained].itertuples():
        raise InputError(f"scores: {_where(row)} names no seed; give the training seed of every run")
    scores = scores.assign(seed=scores["seed"].fillna(UNTRAINED).astype(int))
    for row in scores[~scores["value"].between(0, 100)].itertuples():
        raise InputError(f"scores: {_where(row)} is {row.value}; a score is in points, 0 to 100")
    for row in scores[scores.duplicated(COLUMNS[:-1])].itertuples():
        raise InputError(f"scores: {_where(row)} stands twice; grade the run again and pass each score once")
    for benchmark, ks in scores[scores["metric"] == "avg"].groupby("benchmark")["k"]:
        if ks.nunique() > 1:
            raise InputError(
                f"scores: avg on {benchmark} has k {', '.join(map(str, sorted(ks.unique())))}; sample all runs with one k"
            )
    methods = list(dict.fromkeys(scores["method"]))
    seeds = sorted(scores["seed"].unique())
    trained = sorted(scores.loc[scores["method"].map(is_trained), "seed"].unique())
    found = {}
    for key, rows in scores.groupby(["benchmark", "metric", "k"], sort=False):
        cell = Cell(key[0], key[1], int(key[2]))
        table = rows.pivot(index="method", columns="seed", values="value").reindex(index=methods, columns=seeds)
        for method in methods:
            wanted = trained if is_trained(method) else scores.loc[scores["method"] == method, "seed"].unique()
            for seed in wanted:
                if np.isnan(table.loc[method, seed]):
                    raise InputError(
                        f"scores: {method} seed {seed} has no {cell}, others have; finish the run or leave it out"
                    )
        found[cell] = table
    return found


def _where(row: tuple) -> str:
    return f"{row.metric}@{row.k} of {row.method} seed {row.seed} on {row.benchmark}"
