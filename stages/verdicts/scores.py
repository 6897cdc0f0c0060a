"""Our scores and their sampling errors, checked: for each measure (avg@32 on aime24) a row a method, a column a training seed."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from stages.common.files import InputError
from stages.published.schema import RELEASED

UNTRAINED = -1  # stands for the training seed of a model that has none
COLUMNS = ["method", "seed", "benchmark", "metric", "k", "value", "error"]
IDENTITY = COLUMNS[:5]


class Measure(NamedTuple):
    """What a score is of, such as avg@32 on aime24."""

    benchmark: str
    metric: str  # avg or pass
    k: int

    def __str__(self) -> str:
        return f"{self.metric}@{self.k} on {self.benchmark}"


class Table(NamedTuple):
    """One measure of ours, in points: method -> [seeds], ascending; one of a model that was not trained."""

    values: dict[str, np.ndarray]
    errors: dict[str, np.ndarray]  # standard errors of the sampling alone


def is_trained(method: str) -> bool:
    """False for the base model and for released ones: they have no training seeds of ours."""
    return method != "base" and not method.startswith(RELEASED)


def score_tables(scores: pd.DataFrame) -> dict[Measure, Table]:
    """Measure -> values and errors: methods in the order of `scores`, seeds ascending.

    Trained methods must all have the same seeds and measures. Other models must have every measure, and may have no
    seed (NA). InputError names the method, seed and benchmark of the
    first score that is NaN, not in 0 to 100, without an error, given twice or missing, and a benchmark whose avg has two k.
    """
    if missing := [name for name in COLUMNS if name not in scores.columns]:
        raise InputError(f"scores: column {', '.join(missing)} is missing")
    untrained = ~scores["method"].map(is_trained).astype(bool)
    for row in scores[scores["seed"].isna() & ~untrained].itertuples():
        raise InputError(f"scores: {_where(row)} names no seed; give the training seed of every run")
    scores = scores.assign(seed=scores["seed"].fillna(UNTRAINED).astype(int))
    for row in scores[~scores["value"].between(0, 100)].itertuples():
        raise InputError(f"scores: {_where(row)} is {row.value}; a score is in points, 0 to 100")
    for row in scores[~scores["error"].between(0, 100)].itertuples():
        raise InputError(f"scores: {_where(row)} has the error {row.error}; give its sampling error in points")
    for row in scores[scores.duplicated(IDENTITY)].itertuples():
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
        measure = Measure(key[0], key[1], int(key[2]))
        wide = rows.pivot(index="method", columns="seed", values=["value", "error"])
        both = [wide[name].reindex(index=methods, columns=seeds) for name in ("value", "error")]
        values = both[0].to_dict("index")
        for method in methods:
            wanted = trained if is_trained(method) else scores.loc[scores["method"] == method, "seed"].unique()
            for seed in wanted:
                if np.isnan(values[method][seed]):
                    raise InputError(
                        f"scores: {method} seed {seed} has no {measure}, others have; finish the run or leave it out"
                    )
        found[measure] = Table(
            *({name: row[np.isfinite(row)] for name, row in zip(methods, t.to_numpy(), strict=True)} for t in both)
        )
    return found


def _where(row: Any) -> str:
    return f"{row.metric}@{row.k} of {row.method} seed {row.seed} on {row.benchmark}"
