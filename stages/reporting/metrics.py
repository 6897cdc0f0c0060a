"""What DVC compares between commits: `metrics.json` and the curves of `plots/`; and the tables of published numbers."""

from typing import Any

import pandas as pd

from stages.reporting.load import FACTS, Results
from stages.reporting.numbers import flat
from stages.reporting.published import Comparison

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


def curves(results: Results) -> dict[str, pd.DataFrame]:
    """Name of `plots/<name>.csv` -> columns run, step, value, as dvc.yaml's plots name them."""
    return {name: results.steps[["run", "step", name]].rename(columns={name: "value"}) for name in PLOTTED}


def settings(results: Results) -> pd.DataFrame:
    """All that a run depends on: columns setting, value. Versions are listed once where the runs agree on them."""
    plan = results.plan
    found = flat(plan.model_dump(include={"suite_seed", "seeds", "benchmarks", "train", "backend", "protocol"}))
    for run in results.runs:
        if run.seed is not None:
            found |= flat(plan.method_settings[run.name], f"method.{run.method}.")
    for (_, stage), versions in results.versions.items():
        for package, version in versions.items():
            if package not in FACTS:
                name = f"version.{stage}.{package}"
                found[name] = version if found.get(name, version) == version else f"{found[name]} / {version}"
    for (_, benchmark), graded in results.grades.items():
        found[f"grader.{benchmark}"] = f"{graded.score.grader} {graded.score.grader_version}"
    for path, entry in results.data.items():
        found[f"data.{path}"] = entry["sha256"]
    return pd.DataFrame(sorted(found.items()), columns=["setting", "value"])


def compared(comparison: Comparison | None) -> dict[str, pd.DataFrame]:
    """Name of `tables/<name>.csv` -> table; none without a published setting."""
    if comparison is None:
        return {}
    return {"published": comparison.verdicts, "protocol_differences": comparison.differences}
