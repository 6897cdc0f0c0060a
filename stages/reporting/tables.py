"""Steps and verdicts -> scores with intervals, counts and prices. Pure; scores are shares in 0–1.

A table's columns value, low, high, interval and error are those of `estimates.Estimate`.
"""

import numpy as np
import pandas as pd

from stages.reporting.estimates import Estimate, one_model, one_model_pass, over_seeds
from stages.reporting.gains import ESTIMATE, REFERENCE, averages, pool
from stages.reporting.load import Results
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
        by_seed = {method: dict(zip(own["seed"], _estimates(own))) for method, own in group.groupby("method")}
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

    method, seeds, entropy and log_prob_correct, log_prob_incorrect (nats a token, last step), log_prob_gap (the mean of
    their difference over the seeds that have both), distinct_1_to_5,
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
                "log_prob_gap": (last["log_prob_correct"] - last["log_prob_incorrect"]).mean()
                if {"log_prob_correct", "log_prob_incorrect"} <= {*last}
                else np.nan,
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
