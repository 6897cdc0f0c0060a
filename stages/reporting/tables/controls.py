"""Methods set against their controls: the same run with its criterion taken away (stages/rl/controls.py). Pure."""

from typing import Any

import pandas as pd

from stages.reporting.inputs.results import Results
from stages.reporting.tables.gains import differences

SETTING = "control"


def against_controls(results: Results) -> pd.DataFrame:
    """avg@k of each method less that of its control: the columns of `differences`, where the reference is the run under
    the control, and `control`, which of them it is.
    """
    found = pairs(results)
    tables = [
        differences(results, {method: control}).assign(control=settings_of(results, control)[SETTING])
        for control, method in found.items()
        if method is not None
    ]
    return pd.concat(tables, ignore_index=True) if tables else differences(results, {}).assign(control=[])


def pairs(results: Results) -> dict[str, str | None]:
    """Run under a control -> the run of the same method, settings and set without it; None where none is declared."""
    plan = results.plan
    settings = {name: settings_of(results, name) for name in results.methods}
    found: dict[str, str | None] = {}
    for name, own in settings.items():
        if own.get(SETTING, "none") != "none":
            free = own | {SETTING: "none"}
            found[name] = next(
                (
                    other
                    for other in settings
                    if (plan.method_of[other], plan.dataset_of(other)) == (plan.method_of[name], plan.dataset_of(name))
                    and settings[other] == free
                ),
                None,
            )
    return found


def settings_of(results: Results, name: str) -> dict[str, Any]:
    """The settings of a name under `methods`, which are the same for all of its seeds."""
    run = next(run.name for run in results.runs if run.method == name and run.seed is not None)
    return results.plan.method_settings[run]
