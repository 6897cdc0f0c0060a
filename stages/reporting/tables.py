"""Steps and samples -> scores with intervals, gains over GRPO and counts. Pure; scores are shares in 0–1.

Two kinds of interval, never mixed in one cell; `interval` says which one it is:

    one model   sampling noise of one trained model at fixed questions; training variance unknown
    seeds       mean over S seeds ± t(S−1)·sd/√S: what another training seed would give on the same questions
    none        one sample a problem and one seed: nothing can be said
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binom, norm, t

from stages.reporting.load import BASE, Results, correctness
from stages.statistics import avg_at_k, one_model_interval, pass_at_k

LEVEL = 0.95
QUANTILE = float(norm.ppf((1 + LEVEL) / 2))
REFERENCE = "grpo"  # gains are over it
AVERAGE = "average of benchmarks"


class Estimate(NamedTuple):
    value: float
    low: float
    high: float
    interval: str  # "one model", "seeds" or "none"
    error: float = np.nan  # standard error behind a one-model interval


def by_run(results: Results) -> pd.DataFrame:
    """One row a run, benchmark and metric: run, method, seed, benchmark, metric (avg or pass), k, value, low, high."""
    rows = []
    for (run, benchmark), samples in results.samples.groupby(["run", "benchmark"], sort=False):
        correct = correctness(samples)
        identity = {
            "run": run,
            "method": samples["method"].iloc[0],
            "seed": samples["seed"].iloc[0],
            "benchmark": benchmark,
        }
        k = correct.shape[1]
        rows.append({**identity, "metric": "avg", "k": k, **one_model(correct)._asdict()})
        rows += [{**identity, "metric": "pass", "k": j, **one_model_pass(correct, j)._asdict()} for j in powers(k)]
    return pd.DataFrame(rows, columns=["run", "method", "seed", "benchmark", "metric", "k", *Estimate._fields])


def by_method(runs: pd.DataFrame) -> pd.DataFrame:
    """`by_run` over seeds: method, seeds (how many), benchmark, metric, k, value, low, high, interval."""
    rows = []
    for (method, benchmark, metric, k), group in runs.groupby(["method", "benchmark", "metric", "k"], sort=False):
        estimate = over_seeds([Estimate(*row) for row in group[list(Estimate._fields)].itertuples(index=False)])
        rows.append(
            {
                "method": method,
                "seeds": len(group),
                "benchmark": benchmark,
                "metric": metric,
                "k": k,
                **estimate._asdict(),
            }
        )
    return pd.DataFrame(rows, columns=["method", "seeds", "benchmark", "metric", "k", *Estimate._fields])


def gains(runs: pd.DataFrame) -> pd.DataFrame:
    """avg@k less GRPO's of the same seed, per benchmark and over them: method, seeds, benchmark, value, low, ….

    With one seed the two models' sampling errors add in squares; with more, the interval is that of the paired
    differences. The average is over the benchmarks that ran for the method and for GRPO, seed by seed.
    """
    average = runs[runs["metric"] == "avg"]
    if REFERENCE not in set(average["method"]):
        return pd.DataFrame(columns=["method", "seeds", "benchmark", *Estimate._fields])
    rows = []
    for method in [name for name in dict.fromkeys(average["method"]) if name not in (REFERENCE, BASE)]:
        per_benchmark = _paired(average, method)
        for benchmark, differences in {**per_benchmark, AVERAGE: _mean_by_seed(per_benchmark)}.items():
            if differences:
                estimate = over_seeds(list(differences.values()))
                rows.append({"method": method, "seeds": len(differences), "benchmark": benchmark, **estimate._asdict()})
    return pd.DataFrame(rows, columns=["method", "seeds", "benchmark", *Estimate._fields])


def averages(runs: pd.DataFrame) -> pd.DataFrame:
    """avg@k averaged over the benchmarks that ran, seed by seed: method, seeds, benchmarks (how many), value, low, ….

    One-model standard errors add in squares; with more seeds the interval is over the seeds' averages.
    """
    rows = []
    for method, group in runs[runs["metric"] == "avg"].groupby("method", sort=False):
        per_benchmark: dict[str, dict] = {}
        for row in group.itertuples():
            per_benchmark.setdefault(row.benchmark, {})[row.seed if method != BASE else 0] = row
        by_seed = _mean_by_seed(per_benchmark)
        if by_seed:
            estimate = over_seeds(list(by_seed.values()))
            rows.append(
                {"method": method, "seeds": len(by_seed), "benchmarks": len(per_benchmark), **estimate._asdict()}
            )
    return pd.DataFrame(rows, columns=["method", "seeds", "benchmarks", *Estimate._fields])


def _paired(average: pd.DataFrame, method: str) -> dict[str, dict[int, Estimate]]:
    """Benchmark -> seed -> the method's avg@k less GRPO's."""
    rows = {(row.method, row.benchmark, row.seed): row for row in average.itertuples()}
    pairs = {}
    for (name, benchmark, seed), row in rows.items():
        if name == method and (REFERENCE, benchmark, seed) in rows:
            pairs.setdefault(benchmark, {})[seed] = _combine([row, rows[REFERENCE, benchmark, seed]], [1.0, -1.0])
    return pairs


def _mean_by_seed(per_benchmark: dict[str, dict[int, Estimate]]) -> dict[int, Estimate]:
    """Seed -> mean over benchmarks, for the seeds that have all of them."""
    seeds = [set(differences) for differences in per_benchmark.values()]
    share = 1 / max(len(per_benchmark), 1)
    common = sorted(set.intersection(*seeds)) if seeds else []
    return {seed: _combine([d[seed] for d in per_benchmark.values()], [share] * len(per_benchmark)) for seed in common}


def _combine(parts: list, weights: list[float]) -> Estimate:
    """Weighted sum of independent one-model estimates; standard errors add in squares."""
    value = sum(weight * part.value for weight, part in zip(weights, parts, strict=True))
    if any(part.interval == "none" for part in parts):
        return Estimate(value, np.nan, np.nan, "none")
    error = float(np.sqrt(sum((weight * part.error) ** 2 for weight, part in zip(weights, parts, strict=True))))
    return Estimate(value, value - QUANTILE * error, value + QUANTILE * error, "one model", error)


def over_seeds(estimates: list[Estimate]) -> Estimate:
    """One seed: its own estimate. S ≥ 2: mean ± t(S−1)·sd/√S, whatever the one-model intervals are."""
    if len(estimates) == 1:
        return estimates[0]
    values = np.array([estimate.value for estimate in estimates])
    half = t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return Estimate(values.mean(), values.mean() - half, values.mean() + half, "seeds")


def one_model(correct: np.ndarray) -> Estimate:
    """avg@k of `correct` [problems, k] with the one-model interval, which needs k ≥ 2."""
    interval = one_model_interval(correct, LEVEL)
    if interval is None:
        return Estimate(avg_at_k(correct), np.nan, np.nan, "none")
    return Estimate(avg_at_k(correct), interval.low, interval.high, "one model", interval.standard_error)


def one_model_pass(correct: np.ndarray, k: int) -> Estimate:
    """Unbiased pass@k of `correct` [problems, N], k ≤ N, with an interval for the sampling noise of one model.

    A problem with c of N samples right contributes f(c) = 1 − C(N−c,k)/C(N,k). Its variance is that of f(C) for
    C ~ Binomial(N, p) at p = (c+½)/(N+1), summed exactly. The half counts keep a problem that was always right or
    always wrong from counting as certain, so the interval errs on the wide side. A normal quantile, held in [0, 1].
    """
    problems, samples = correct.shape
    value = pass_at_k(correct, k)
    if samples < 2:
        return Estimate(value, np.nan, np.nan, "none")
    outcomes = np.arange(samples + 1)
    each = np.array([pass_at_k((np.arange(samples) < c)[None, :], k) for c in outcomes])  # f(c)
    right = correct.sum(1)
    chance = binom.pmf(outcomes[None, :], samples, ((right + 0.5) / (samples + 1))[:, None])  # [problems, N + 1]
    variance = chance @ each**2 - (chance @ each) ** 2
    error = float(np.sqrt(variance.clip(min=0).sum()) / problems)
    return Estimate(value, max(0.0, value - QUANTILE * error), min(1.0, value + QUANTILE * error), "one model", error)


def powers(k: int) -> list[int]:
    """1, 2, 4, … and k itself."""
    return sorted({1 << i for i in range(k.bit_length())} | {k})


def by_level(results: Results) -> pd.DataFrame:
    """Scores per difficulty where one is stated: run, benchmark, level, problems, k, avg, pass (both at k)."""
    rows = []
    samples = results.samples[results.samples["level"].notna()]
    for (run, benchmark, level), group in samples.groupby(["run", "benchmark", "level"], sort=False):
        correct = correctness(group)
        problems, k = correct.shape
        rows.append((run, benchmark, int(level), problems, k, avg_at_k(correct), pass_at_k(correct, k)))
    columns = ["run", "benchmark", "level", "problems", "k", "avg", "pass"]
    return pd.DataFrame(rows, columns=columns).sort_values(["benchmark", "level"], kind="stable")


def sample_counts(results: Results) -> pd.DataFrame:
    """What became of the samples: run, method, benchmark, problems, k, counts, and mean_length in tokens.

    `excluded` is always 0: what cannot be judged is wrong and stays in.
    """
    rows = []
    for (run, benchmark), group in results.samples.groupby(["run", "benchmark"], sort=False):
        rows.append(
            {
                "run": run,
                "method": group["method"].iloc[0],
                "benchmark": benchmark,
                "problems": group["id"].nunique(),
                "k": group["repeat"].nunique(),
                "samples": len(group),
                "correct": int(group["correct"].sum()),
                "truncated": int((group["stop_reason"] == "length").sum()),
                "no_answer": int((group["status"] == "no answer").sum()),
                "timeouts": int((group["status"] == "timeout").sum()),
                "errors": int(group["status"].str.startswith("error").sum()),
                "excluded": 0,
                "mean_length": group["length"].mean(),
            }
        )
    return pd.DataFrame(rows)


def first_difference(steps: pd.DataFrame, method: str, seed: int) -> int | None:
    """The first step at which reward or entropy is not exactly GRPO's of the same seed; None if there is none."""
    names = ["entropy", "reward"]
    ours, reference = (
        steps[(steps["method"] == m) & (steps["seed"] == seed)].set_index("step")[names] for m in (method, REFERENCE)
    )
    differs = (ours != reference).any(axis=1)
    return int(differs.idxmax()) if differs.any() else None
