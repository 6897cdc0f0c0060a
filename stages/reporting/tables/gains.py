"""Over seeds and benchmarks: averages and gains over GRPO, with variances pooled over methods. Pure; shares in 0–1.

A table's columns value, low, high, interval and error are those of `estimates.Estimate`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from stages.reporting.tables.estimates import Estimate, combine, over_seeds
from stages.statistics import Pooled, pool_gains, pool_seeds

REFERENCE = "grpo"  # gains are over it
AVERAGE = "average of benchmarks"
ESTIMATE = list(Estimate._fields)

BySeed = Mapping[int, Estimate]


def pool(methods: Mapping[str, BySeed], variance: Callable[[Any], Pooled]) -> Pooled | None:
    """`pool_seeds` or `pool_gains` of the trained methods that have every seed; None for one such method or one seed."""
    values = {method: {seed: estimate.value for seed, estimate in found.items()} for method, found in methods.items()}
    table = pd.DataFrame.from_dict(values, orient="index").dropna()
    return variance(table.to_numpy()) if min(table.shape) >= 2 else None


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

    One-model standard errors add in squares; with more seeds the interval is over the seeds' averages, pooled over the
    methods that ran on all benchmarks.
    """
    found, rows = cells(runs), []
    methods = _methods(runs)
    pooled = pool(_complete(found, _methods(runs[runs["seed"].notna()])), pool_seeds)
    for method in methods:
        own = {benchmark: by_method[method] for benchmark, by_method in found.items() if method in by_method}
        by_seed = _mean_by_seed(own)
        if by_seed:
            variance = pooled if len(own) == len(found) else None
            rows.append((method, len(by_seed), len(own), *over_seeds(list(by_seed.values()), variance)))
    return pd.DataFrame(rows, columns=["method", "seeds", "benchmarks", *ESTIMATE])


def gains(runs: pd.DataFrame) -> pd.DataFrame:
    """avg@k less GRPO's of the same seed, per benchmark and over them: method, seeds, benchmark, value, low, ….

    With one seed the two models' sampling errors add in squares; with more, the interval is that of the paired
    differences, their variance pooled over all methods. The average is over the benchmarks that ran for the method and
    for GRPO, seed by seed.
    """
    trained = runs[runs["seed"].notna()]
    found, methods = cells(trained), _methods(trained)
    variances = {benchmark: pool(by_method, pool_gains) for benchmark, by_method in found.items()}
    over_all = pool(_complete(found, methods), pool_gains)
    rows = []
    for method in [method for method in methods if method != REFERENCE]:
        pairs: dict[str, dict[int, Estimate]] = {}
        for benchmark, by_method in found.items():
            ours, reference = by_method.get(method, {}), by_method.get(REFERENCE, {})
            if common := [seed for seed in ours if seed in reference]:
                pairs[benchmark] = {seed: combine([ours[seed], reference[seed]], [1.0, -1.0]) for seed in common}
        pooled = {**variances, AVERAGE: over_all if len(pairs) == len(found) else None}
        for benchmark, differences in {**pairs, AVERAGE: _mean_by_seed(pairs)}.items():
            if differences:
                estimate = over_seeds(list(differences.values()), pooled[benchmark])
                rows.append((method, len(differences), benchmark, *estimate))
    return pd.DataFrame(rows, columns=["method", "seeds", "benchmark", *ESTIMATE])


def _methods(runs: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(runs["method"]))


def _complete(found: Mapping[str, Mapping[str, BySeed]], methods: list[str]) -> dict[str, dict[int, Estimate]]:
    """Method -> seed -> average over benchmarks, of the methods that ran on all of them."""
    ran = [method for method in methods if all(method in by_method for by_method in found.values())]
    return {method: _mean_by_seed({name: by_method[method] for name, by_method in found.items()}) for method in ran}


def _mean_by_seed(per_benchmark: Mapping[str, BySeed]) -> dict[int, Estimate]:
    """Seed -> mean over benchmarks, for the seeds that have all of them."""
    seeds = [set(found) for found in per_benchmark.values()]
    share = 1 / max(len(per_benchmark), 1)
    common = sorted(set.intersection(*seeds)) if seeds else []
    return {seed: combine([d[seed] for d in per_benchmark.values()], [share] * len(per_benchmark)) for seed in common}
