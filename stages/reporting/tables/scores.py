"""Grades -> scores with intervals, by run, by method and by difficulty. Pure; scores are shares in 0–1.

A table's columns value, low, high, interval and error are those of `estimates.Estimate`.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from stages.artifacts.grades import Graded
from stages.reporting.inputs.results import Results
from stages.reporting.tables.estimates import Estimate, one_model, one_model_pass, over_seeds
from stages.reporting.tables.gains import ESTIMATE
from stages.statistics import avg_at_k, pass_at_k


def by_run(results: Results) -> pd.DataFrame:
    """One row a run, benchmark and metric: run, method, seed, benchmark, metric (avg or pass), k, value, low, high."""
    return scores_of(results, results.grades)


def scores_of(results: Results, grades: Mapping[tuple[str, str], Graded]) -> pd.DataFrame:
    """`by_run` of other `grades`: (run, benchmark) -> what graders say."""
    rows = []
    for run in results.runs:
        for benchmark, k in results.plan.benchmarks.items():
            if (run.name, benchmark) not in grades:
                continue
            correct = grades[run.name, benchmark].correct
            identity = (run.name, run.method, run.seed, benchmark)
            rows.append((*identity, "avg", k, *one_model(correct)))
            rows += [(*identity, "pass", j, *one_model_pass(correct, j)) for j in powers(k)]
    columns = ["run", "method", "seed", "benchmark", "metric", "k", *ESTIMATE]
    return pd.DataFrame(rows, columns=columns).astype({"seed": "Int64"})


def by_method(runs: pd.DataFrame) -> pd.DataFrame:
    """`by_run` over seeds: method, seeds (how many), benchmark, metric, k, value, low, high, interval."""
    rows, scored = [], ["benchmark", "metric", "k"]
    for (method, *key), group in runs.groupby(["method", *scored], sort=False):
        rows.append((method, len(group), *key, *over_seeds(_estimates(group))))
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
