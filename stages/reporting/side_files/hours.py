"""Where the hours are: from the trainings' clocks, for files beside the report that nothing tracks.

Clocks differ from run to run, so they are in no tracked output; the page reads `hours.js` on demand, where it exists.
"""

import json
from pathlib import Path

import pandas as pd

from stages.common.files import InputError, read_jsonl, write_text
from stages.reporting.inputs.results import Results
from stages.reporting.inputs.whole import check_objects

AGAIN = "delete it; nothing but the table of hours is made from it"
PHASES = {"gen": "sampling", "old_log_prob": "log-probabilities", "update_actor": "update", "step": "step"}


def hours(results: Results, folder: Path) -> pd.DataFrame:
    """One row a run with clocks: run, method, steps, devices, hours of each phase and of the whole step.

    Hours are of the wall clock; multiply by `devices` for GPU hours. A training that was resumed repeats steps: the last
    record of each step counts.
    """
    rows = []
    for run in results.runs:
        path = folder / "train" / f"{run.name}.timings.jsonl"
        if not path.is_file():
            continue
        check_objects(path, AGAIN)
        if any(not isinstance(record.get("seconds"), dict) or "step" not in record for record in read_jsonl(path)):
            raise InputError(f"{path} holds a line without step or seconds: {AGAIN}")
        steps = {record["step"]: record["seconds"] for record in read_jsonl(path)}
        spent = {title: sum(s.get(name, 0.0) for s in steps.values()) / 3600 for name, title in PHASES.items()}
        devices = results.plan.backend.all_devices
        rows.append({"run": run.name, "method": run.method, "steps": len(steps), "devices": devices, **spent})
    return pd.DataFrame(rows, columns=["run", "method", "steps", "devices", *PHASES.values()])


def write_hours(table: pd.DataFrame, folder: Path) -> None:
    """`hours.csv` and `hours.js` in the profile's folder, beside the report."""
    write_text(folder / "hours.csv", table.to_csv(index=False, lineterminator="\n"))
    rows = json.loads(table.to_json(orient="values", double_precision=6))
    content = json.dumps({"columns": list(table.columns), "rows": rows})
    write_text(folder / "hours.js", f'bench.receive("hours",{content});\n')
