"""What DVC compares between commits: `metrics.json` and the curves of `plots/`."""

from typing import Any

import pandas as pd

from stages.reporting.inputs.results import Results

PLOTTED = ("entropy", "reward", "response_length")


def metrics(results: Results, runs: pd.DataFrame) -> dict[str, Any]:
    """Run -> training's first and last entropy and reward, and per benchmark avg@k and pass@k; scores in 0–1."""
    found: dict[str, Any] = {run.name: {} for run in results.runs}
    for run, steps in results.steps.groupby("run", sort=False):
        for name in ("entropy", "reward"):
            found[run] |= {f"{name}_first": float(steps[name].iloc[0]), f"{name}_last": float(steps[name].iloc[-1])}
    for row in runs.itertuples():
        if row.metric == "avg" or row.k == results.plan.benchmarks[row.benchmark]:
            found[row.run].setdefault(row.benchmark, {})[f"{row.metric}_at_{row.k}"] = float(row.value)
    return found


def plots(results: Results) -> dict[str, pd.DataFrame]:
    """Name of `plots/<name>.csv` -> columns run, step, value, as dvc.yaml's plots name them."""
    return {name: results.steps[["run", "step", name]].rename(columns={name: "value"}) for name in PLOTTED}
