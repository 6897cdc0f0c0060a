"""What a model pays for its scores: entropy, diversity, truncation, length. Pure."""

import numpy as np
import pandas as pd

from stages.artifacts.grades import OF_SAMPLES
from stages.reporting.inputs.results import Results
from stages.reporting.tables.gains import averages
from stages.reporting.tables.steps import GAP, RIGHT, WRONG, with_gap


def prices(results: Results, counts: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """One row a model, means over its seeds: of the last training step, and of the benchmarks that ran.

    method, seeds; entropy, log_prob_correct, log_prob_incorrect and log_prob_gap (nats a token, last step; the gap over
    the seeds that have both); `OF_SAMPLES`, truncated (share of samples), mean_length (tokens);
    score (average of avg@k, 0–1) with its interval, low and high. `counts`: the table of `sample_counts`; `runs`: that of `by_run`.
    """
    scores = averages(runs).set_index("method")
    counts = counts.assign(truncated=counts["truncated"] / counts["samples"])
    steps = with_gap(results.steps)
    rows = []
    for method in results.models:
        last = steps[(steps["method"] == method) & (steps["step"] == results.plan.train.steps)]
        sampled = counts[counts["method"] == method]
        trained = ("entropy", RIGHT, WRONG, GAP)
        evaluated = (*OF_SAMPLES, "truncated", "mean_length")
        rows.append(
            {"method": method, "seeds": len(last)}
            | {name: last[name].mean() if name in last else np.nan for name in trained}
            | {name: sampled[name].astype(float).mean() for name in evaluated}
            | {
                name: scores.at[method, of] if method in scores.index else np.nan
                for name, of in (("score", "value"), ("low", "low"), ("high", "high"))
            }
        )
    return pd.DataFrame(rows)
