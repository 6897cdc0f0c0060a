"""Over seeds and benchmarks: averages and gains over GRPO. Pure; shares in 0–1.

A table's columns value, low, high, interval and error are those of `estimates.Estimate`.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import stdtr

from stages.reporting.inputs.results import Results
from stages.reporting.tables.estimates import Estimate, combine, over_seeds, paired
from stages.verdicts.families import holm

REFERENCE = "grpo"  # gains are over it
AVERAGE = "average of benchmarks"
ESTIMATE = list(Estimate._fields)

BySeed = Mapping[int, Estimate]


def cells(runs: pd.DataFrame) -> dict[str, dict[str, dict[int, Estimate]]]:
    """avg@k of `tables.by_run`: benchmark -> method -> seed -> estimate; a model that was not trained has the seed -1."""
    found: dict[str, dict[str, dict[int, Estimate]]] = {}
    rows = runs[runs["metric"] == "avg"]
    for row in rows.assign(seed=rows["seed"].fillna(-1)).itertuples():
        estimate = Estimate(*(getattr(row, name) for name in ESTIMATE))
        found.setdefault(row.benchmark, {}).setdefault(row.method, {})[row.seed] = estimate
    return found


def averages(runs: pd.DataFrame) -> pd.DataFrame:
    """avg@k averaged over the benchmarks that ran, seed by seed: method, seeds, benchmarks (how many), value, low, ….

    One-model standard errors add in squares; with more seeds the interval is over the seeds' averages.
    """
    found, rows = cells(runs), []
    for method in dict.fromkeys(runs["method"]):
        own = {benchmark: by_method[method] for benchmark, by_method in found.items() if method in by_method}
        if by_seed := mean_by_seed(own):
            rows.append((method, len(by_seed), len(own), *over_seeds(list(by_seed.values()))))
    return pd.DataFrame(rows, columns=["method", "seeds", "benchmarks", *ESTIMATE])


def gains(results: Results) -> pd.DataFrame:
    """avg@k less GRPO's of the same seed: the columns of `differences` but `reference`, and p, p_holm.

    `p` is of the two-sided test of no gain, NaN where there is no interval or nothing varied. `p_holm` is after Holm's
    correction within one of two families: all methods' gains in the average, and all gains on single benchmarks.
    """
    table = differences(results, {method: REFERENCE for method in results.methods if method != REFERENCE})
    seeds, value, error = (table[name].to_numpy(float) for name in ("seeds", "value", "error"))
    degrees = np.where(seeds > 1, seeds - 1, np.inf)
    table = table.assign(p=2 * stdtr(degrees, -np.abs(value) / np.where(error > 0, error, np.nan)))
    return table.assign(p_holm=_corrected(table)).drop(columns="reference")


def differences(results: Results, references: Mapping[str, str]) -> pd.DataFrame:
    """avg@k of each method less that of its reference, of the same seed, per benchmark and over them: method, reference,
    seeds, benchmark, value, low, ….

    With one seed the interval is that of the paired samples: sample j of a problem has the same sampling seed in all
    models. With more, it is that of the paired differences of the seeds. The average is over the benchmarks that ran for the
    method and for its reference, seed by seed.
    """
    rows = []
    for method, reference in references.items():
        by_benchmark: dict[str, dict[int, Estimate]] = {}
        for benchmark in results.plan.benchmarks:
            for seed in results.plan.seeds:
                ours, theirs = (results.grades.get((f"{m}-{seed}", benchmark)) for m in (method, reference))
                if ours is not None and theirs is not None:
                    by_benchmark.setdefault(benchmark, {})[seed] = paired(ours.correct, theirs.correct)
        rows += [
            (method, reference, len(by_seed), benchmark, *over_seeds(list(by_seed.values())))
            for benchmark, by_seed in {**by_benchmark, AVERAGE: mean_by_seed(by_benchmark)}.items()
            if by_seed
        ]
    return pd.DataFrame(rows, columns=["method", "reference", "seeds", "benchmark", *ESTIMATE])


def _corrected(table: pd.DataFrame) -> pd.Series:
    corrected = pd.Series(np.nan, index=table.index)
    for average in (True, False):
        family = table.index[((table["benchmark"] == AVERAGE) == average) & table["p"].notna()]
        corrected[family] = holm(table.loc[family, "p"].tolist())
    return corrected


def mean_by_seed(per_benchmark: Mapping[str, BySeed]) -> dict[int, Estimate]:
    """Seed -> mean over benchmarks, for the seeds that have all of them."""
    seeds = [set(found) for found in per_benchmark.values()]
    share = 1 / max(len(per_benchmark), 1)
    common = sorted(set.intersection(*seeds)) if seeds else []
    return {seed: combine([d[seed] for d in per_benchmark.values()], [share] * len(per_benchmark)) for seed in common}
