"""All that a run depends on, as dotted names and printed values."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from stages.profile.plans.report import ReportPlan
from stages.reporting.inputs.results import Results, Run


def settings(results: Results) -> pd.DataFrame:
    """Columns setting, value. A version stands once where the runs agree on it, else all versions do."""
    plan = results.plan
    shared = plan.model_dump(include={"bench_seed", "seeds", "benchmarks", "train", "backend", "protocol"})
    found = flat(shared)
    for run in results.runs:
        if run.seed is not None:
            found |= flat(settings_of_run(plan, run), f"method.{run.method}.")
    for (_, stage), packages in results.packages.items():
        for package, version in packages.items():
            name = f"version.{stage}.{package}"
            known = found.get(name, version).split(" / ")
            found[name] = " / ".join(known if version in known else [*known, version])
    for (_, benchmark), graded in results.grades.items():
        found[f"grader.{benchmark}"] = f"{graded.score.grader} {graded.score.grader_version}"
    for path, entry in results.data.items():
        found[f"data.{path}"] = entry.sha256
    return pd.DataFrame(sorted(found.items()), columns=["setting", "value"])


def settings_of_run(plan: ReportPlan, run: Run) -> dict[str, Any]:
    """The complete settings of a trained run, with its training set where runs differ in it."""
    return plan.method_settings[run.name] | ({"dataset": plan.dataset_of(run.method)} if plan.datasets else {})


def flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as dotted names and printed values."""
    found: dict[str, str] = {}
    for name, value in nested.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = printed(value)
    return found


def printed(value: Any) -> str:
    """A setting's value."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(printed, value))
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
