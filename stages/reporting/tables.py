"""Steps and verdicts -> scores with intervals, gains over GRPO, counts and prices. Pure; scores are shares in 0–1.

A table's columns value, low, high, interval and error are those of `estimates.Estimate`.
"""

import numpy as np
import pandas as pd

from stages.reporting.estimates import Estimate, combine, one_model, one_model_pass, over_seeds
from stages.reporting.load import Results
from stages.statistics import avg_at_k, pass_at_k

REFERENCE = "grpo"  # gains are over it
AVERAGE = "average of benchmarks"
ESTIMATE = list(Estimate._fields)


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
    """`by_run` over seeds: method, seeds (how many), benchmark, metric, k, value, low, high, interval."""
    identity = ["method", "benchmark", "metric", "k"]
    rows = [
        (method, len(group), benchmark, metric, k, *over_seeds(_estimates(group)))
        for (method, benchmark, metric, k), group in runs.groupby(identity, sort=False)
    ]
    return pd.DataFrame(rows, columns=["method", "seeds", "benchmark", "metric", "k", *ESTIMATE])


def gains(runs: pd.DataFrame) -> pd.DataFrame:
    """avg@k less GRPO's of the same seed, per benchmark and over them: method, seeds, benchmark, value, low, ….

    With one seed the two models' sampling errors add in squares; with more, the interval is that of the paired
    differences. The average is over the benchmarks that ran for the method and for GRPO, seed by seed.
    """
    average = runs[(runs["metric"] == "avg") & runs["seed"].notna()]
    found = {(row.method, row.benchmark, row.seed): row for row in average.itertuples()}
    rows = []
    for method in average["method"].unique() if (average["method"] == REFERENCE).any() else []:
        pairs: dict[str, dict[int, Estimate]] = {}
        for (name, benchmark, seed), row in found.items():
            reference = found.get((REFERENCE, benchmark, seed))
            if name == method != REFERENCE and reference is not None:
                pairs.setdefault(benchmark, {})[seed] = combine([row, reference], [1.0, -1.0])
        for benchmark, differences in {**pairs, AVERAGE: _mean_by_seed(pairs)}.items():
            if differences:
                rows.append((method, len(differences), benchmark, *over_seeds(list(differences.values()))))
    return pd.DataFrame(rows, columns=["method", "seeds", "benchmark", *ESTIMATE])


def averages(runs: pd.DataFrame) -> pd.DataFrame:
    """avg@k averaged over the benchmarks that ran, seed by seed: method, seeds, benchmarks (how many), value, low, ….

    One-model standard errors add in squares; with more seeds the interval is over the seeds' averages.
    """
    rows = []
    for method, group in runs[runs["metric"] == "avg"].groupby("method", sort=False):
        per_benchmark: dict[str, dict] = {}
        for row in group.fillna({"seed": -1}).itertuples():
            per_benchmark.setdefault(row.benchmark, {})[row.seed] = row
        by_seed = _mean_by_seed(per_benchmark)
        if by_seed:
            rows.append((method, len(by_seed), len(per_benchmark), *over_seeds(list(by_seed.values()))))
    return pd.DataFrame(rows, columns=["method", "seeds", "benchmarks", *ESTIMATE])


def _estimates(rows: pd.DataFrame) -> list[Estimate]:
    return [Estimate(*row) for row in rows[ESTIMATE].itertuples(index=False)]


def _mean_by_seed(per_benchmark: dict[str, dict[int, Estimate]]) -> dict[int, Estimate]:
    """Seed -> mean over benchmarks, for the seeds that have all of them."""
    seeds = [set(found) for found in per_benchmark.values()]
    share = 1 / max(len(per_benchmark), 1)
    common = sorted(set.intersection(*seeds)) if seeds else []
    return {seed: combine([d[seed] for d in per_benchmark.values()], [share] * len(per_benchmark)) for seed in common}


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


def sample_counts(results: Results) -> pd.DataFrame:
    """What became of the samples: run, method, benchmark, problems, k, counts, mean_length (tokens), diversity.

    `excluded` is always 0: what cannot be judged is wrong and stays in. `disagreeing` counts samples that an
    alternative grader judges otherwise; it is empty where none was asked, as diversity is where none was measured.
    """
    method = {run.name: run.method for run in results.runs}
    rows = [
        {
            "run": run,
            "method": method[run],
            "benchmark": benchmark,
            "problems": len(graded.ids),
            "k": graded.correct.shape[1],
            "samples": graded.correct.size,
            "correct": int(graded.correct.sum()),
            "truncated": int(graded.truncated.sum()),
            "no_answer": graded.count("no answer"),
            "timeouts": graded.count("timeout"),
            "errors": graded.count("error"),
            "excluded": 0,
            "disagreeing": int(graded.disagree.sum()) if graded.alternatives else None,
            "mean_length": float(graded.tokens.mean()),
            "distinct_1_to_5": graded.score.diversity.get("distinct_1_to_5"),
            "answers_per_problem": graded.score.diversity.get("answers_per_problem"),
        }
        for (run, benchmark), graded in results.grades.items()
    ]
    columns = ["run", "method", "benchmark", "problems", "k", "samples", "correct", "truncated", "no_answer"]
    columns += ["timeouts", "errors", "excluded", "disagreeing", "mean_length", "distinct_1_to_5"]
    return pd.DataFrame(rows, columns=[*columns, "answers_per_problem"]).astype({"disagreeing": "Int64"})


def disagreements(results: Results) -> pd.DataFrame:
    """Alternative graders against the one that counts: run, benchmark, grader, alternative and the four counts."""
    rows = [
        {"run": run, "benchmark": benchmark, "grader": graded.score.grader, "alternative": alternative, **counts}
        for (run, benchmark), graded in results.grades.items()
        for alternative, counts in graded.score.disagreement.items()
    ]
    columns = ["run", "benchmark", "grader", "alternative"]
    return pd.DataFrame(rows, columns=[*columns, "both_right", "only_primary", "only_alternative", "both_wrong"])


def prices(results: Results, counts: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """What a model pays, a row a model: last training step and averages over the benchmarks that ran, over seeds.

    method, seeds, entropy and log_prob_correct, log_prob_incorrect (nats a token, last step), distinct_1_to_5,
    answers_per_problem, truncated (share of samples), mean_length (tokens), score (avg@k).
    """
    rows = []
    scores = averages(runs).set_index("method")["value"]
    counts = counts.assign(truncated=counts["truncated"] / counts["samples"])
    for method in results.models:
        own = counts[counts["method"] == method]
        steps = results.steps[results.steps["method"] == method]
        last = steps[steps["step"] == results.plan.train.steps]
        measured = ["entropy", "log_prob_correct", "log_prob_incorrect"]
        rows.append(
            {
                "method": method,
                "seeds": len(last),
                **{name: last[name].mean() if name in last else np.nan for name in measured},
                **{
                    name: own[name].astype(float).mean()
                    for name in ("distinct_1_to_5", "answers_per_problem", "truncated", "mean_length")
                },
                "score": scores.get(method, np.nan),
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
