"""Grades -> scores with intervals, by run, by method and by difficulty. Pure; scores are shares in 0–1.

A table's columns value, low, high, interval and error are those of `estimates.Estimate`.
"""

import numpy as np
import pandas as pd

from stages.reporting.inputs.results import Results
from stages.reporting.tables.estimates import Estimate, one_model, one_model_pass, over_seeds
from stages.reporting.tables.gains import ESTIMATE, pool
from stages.statistics import avg_at_k, pass_at_k, pool_seeds


def by_run(results: Results) -> pd.DataFrame:
    """One row a run, benchmark and metric: run, method, seed, benchmark, metric (avg or pass), k, value, low, high."""
    rows = []
    for run in results.runs:
        for benchmark, k in results.plan.benchmarks.items():
            if (run.name, benchmark) not in results.grades:
                continue
            correct = results.grades[run.name, benchmark].correct
            identity = (run.name, run.method, run.seed, benchmark)
            rows.append((*identity, "avg", k, *one_model(correct)))
            rows += [(*identity, "pass", j, *one_model_pass(correct, j)) for j in powers(k)]
    columns = ["run", "method", "seed", "benchmark", "metric", "k", *ESTIMATE]
    return pd.DataFrame(rows, columns=columns).astype({"seed": "Int64"})


def by_method(runs: pd.DataFrame) -> pd.DataFrame:
    """`by_run` over seeds: method, seeds (how many), benchmark, metric, k, value, low, high, interval.

    The variance over seeds is pooled over the trained methods, for each benchmark, metric and k by itself.
    """
    rows, pooled = [], {}
    scored = ["benchmark", "metric", "k"]
    for key, group in runs[runs["seed"].notna()].groupby(scored, sort=False):
        by_seed = {
            method: dict(zip(own["seed"], _estimates(own), strict=True)) for method, own in group.groupby("method")
        }
        pooled[key] = pool(by_seed, pool_seeds)
    for (method, *key), group in runs.groupby(["method", *scored], sort=False):
        rows.append((method, len(group), *key, *over_seeds(_estimates(group), pooled.get(tuple(key)))))
    return pd.DataFrame(rows, columns=["method", "seeds", *scored, *ESTIMATE])


def _estimates(rows: pd.DataFrame) -> list[Estimate]:
    return [Estimate(*row) for row in rows[ESTIMATE].itertuples(index=False)]


def powers(k: int) -> list[int]:
    """1, 2, 4, … and k itself."""
    return sorted({1 << i for i in range(k.bit_length())} | {k})


def by_level(results: Results) -> pd.DataFrame:
    """Scores per difficulty where one is stated: run, benchmark, level, problems, k, avg, pass (both at k)."""
    rows = []
    for (run, benchmark), graded in results.grades.items():
        for level in np.unique(graded.levels) if graded.levels is not None else []:
            correct = graded.correct[graded.levels == level]
            problems, k = correct.shape
            rows.append((run, benchmark, int(level), problems, k, avg_at_k(correct), pass_at_k(correct, k)))
    columns = ["run", "benchmark", "level", "problems", "k", "avg", "pass"]
    return pd.DataFrame(rows, columns=columns).sort_values(["benchmark", "level"], kind="stable")
