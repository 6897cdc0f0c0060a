"""The declared runs' files as checked tables. Nothing that is not declared is read; strays are only named."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from stages.files import InputError, read_json, read_jsonl
from stages.reporting.grades import Graded, read_grades
from stages.reporting.plan import Plan, read_plan

BASE = "base"
# what stands in versions.json beside versions of packages
FACTS = ("seed", "model_sha256", "protocol", "prompts", "prompts_too_long")
MEASURED = ("entropy", "reward", "response_length", "clip_fraction_high", "clip_fraction_low")  # at every step


@dataclass(frozen=True)
class Run:
    """One trained model; or a model that the suite did not train (the base model, a released one): seed None."""

    name: str
    method: str
    seed: int | None


@dataclass(frozen=True)
class Results:
    """All that the report is made of.

    `steps` has a row a run and step: run, method, seed, step, the measurements, and the method's own under `method.`.
    `grades` maps (run, benchmark) to the verdicts, in the order of runs and benchmarks; `not_run` to the reason why
    there are none. `versions` maps (run, stage) to package versions; `data` is the data's manifest. `strays` are
    folders, from the root.
    """

    plan: Plan
    runs: list[Run]
    steps: pd.DataFrame
    grades: dict[tuple[str, str], Graded]
    not_run: dict[tuple[str, str], str]
    versions: dict[tuple[str, str], dict[str, str]]
    data: dict[str, dict[str, Any]]
    strays: list[str]

    @property
    def methods(self) -> list[str]:
        return list(dict.fromkeys(run.method for run in self.runs if run.seed is not None))

    @property
    def models(self) -> list[str]:
        """The base model, released models and methods, in this order: a row of a table each."""
        return list(dict.fromkeys(run.method for run in self.runs))


def load(results: Path, profile: str) -> Results:
    """Reads `results/<profile>`; InputError names the stage to run when a declared run's file is missing or wrong."""
    folder = results / profile
    plan = read_plan(folder / "plan" / "report.json", profile)
    runs = [*(Run(name, name, None) for name in (BASE, *plan.released)), *map(_run, plan.runs)]
    versions, steps, grades, not_run = {}, [], {}, {}
    for run in runs:
        if run.seed is not None:
            steps += _steps(folder / "train" / run.name, run, plan.train.steps)
            versions[run.name, "train"] = _versions(folder / "train" / run.name, "train", run.name)
        versions[run.name, "sample"] = _versions(folder / "samples" / run.name, "sample", run.name)
        graded, reasons = _grades(folder / "grades" / run.name, run.name, plan.benchmarks)
        grades |= graded
        not_run |= reasons
    _one_protocol(folder, plan.protocol.asked_by, versions)
    _one_grading(folder, grades)
    return Results(
        plan=plan,
        runs=runs,
        steps=pd.DataFrame(steps),
        grades=grades,
        not_run=not_run,
        versions=versions,
        data=read_json(_present(folder / "data" / "manifest.json", "prepare", profile)),
        strays=_strays(folder, results.name, {run.name for run in runs}, {BASE, *plan.released}),
    )


def _run(name: str) -> Run:
    method, _, seed = name.rpartition("-")
    return Run(name, method, int(seed))


def _present(path: Path, stage: str, run: str) -> Path:
    if not path.is_file():
        raise InputError(f"{path} is missing: run stage {stage} for {run} (dvc repro does)")
    return path


def _versions(folder: Path, stage: str, run: str) -> dict[str, str]:
    content = read_json(_present(folder / "versions.json", stage, run))
    return {name: str(value) for name, value in content.items()}


def _steps(folder: Path, run: Run, total: int) -> list[dict[str, Any]]:
    path = _present(folder / "steps.jsonl", "train", run.name)
    rows = list(read_jsonl(path))
    if [row.get("step") for row in rows] != list(range(1, total + 1)):
        raise InputError(
            f"{path} must have the steps 1 to {total} in order: delete the folder and run stage train for {run.name}"
        )
    for number, row in enumerate(rows, 1):
        own = {f"method.{name}": value for name, value in row.pop("method", {}).items()}
        row |= own
        for field in MEASURED:
            if not isinstance(row.get(field), (int, float)):
                raise InputError(f"{path} line {number}: {field} is missing: run stage train for {run.name}")
        for field, value in row.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise InputError(
                    f"{path} line {number}: {field} is {value}, so the training broke: run stage train for {run.name}"
                )
    return [{"run": run.name, "method": run.method, "seed": run.seed} | row for row in rows]


def _grades(
    folder: Path, run: str, benchmarks: dict[str, int]
) -> tuple[dict[tuple[str, str], Graded], dict[tuple[str, str], str]]:
    """Verdicts of all benchmarks that ran, and the reasons of those that did not."""
    path = _present(folder / "scores.json", "grade", run)
    scores, graded, not_run = read_json(path), {}, {}
    for benchmark, k in benchmarks.items():
        if "status" not in scores.get(benchmark, {}):
            raise InputError(f"{path}: benchmark {benchmark} is missing: run stage grade for {run}")
        if scores[benchmark]["status"] != "graded":
            not_run[run, benchmark] = scores[benchmark]["status"].removeprefix("not run:").strip()
            continue
        table = _present(folder / f"{benchmark}.parquet", "grade", run)
        graded[run, benchmark] = read_grades(table, scores[benchmark], k, run)
    return graded, not_run


def _one_protocol(folder: Path, declared: str, versions: dict[tuple[str, str], dict[str, str]]) -> None:
    """All runs were asked under the protocol in force."""
    for (run, stage), recorded in versions.items():
        sampled = recorded.get("protocol", "none that is recorded")
        if stage == "sample" and sampled != declared:
            raise InputError(
                f"{folder / 'samples' / run / 'versions.json'}: protocol: sampled under {sampled}, in force is"
                f" {declared}: run stage sample for {run}"
            )


def _one_grading(folder: Path, grades: dict[tuple[str, str], Graded]) -> None:
    """All runs were asked the same problems and judged by the same grader."""
    first: dict[str, tuple[str, Graded]] = {}
    for (run, benchmark), graded in grades.items():
        other, reference = first.setdefault(benchmark, (run, graded))
        path = folder / "grades" / run / f"{benchmark}.parquet"
        if graded.ids != reference.ids:
            raise InputError(f"{path}: its problems are not those of {other}: run stages sample and grade for {run}")
        grader, expected = (f"{g.score.grader} {g.score.grader_version}" for g in (graded, reference))
        if grader != expected:
            raise InputError(f"{path}: judged by {grader}, {other} by {expected}: run stage grade for {run}")
        if set(graded.alternatives) != set(reference.alternatives):
            raise InputError(f"{path}: its alternative graders are not those of {other}: run stage grade for {run}")


def _strays(folder: Path, root: str, declared: set[str], untrained: set[str]) -> list[str]:
    found = []
    for part in ("train", "samples", "grades"):
        present = sorted((folder / part).iterdir()) if (folder / part).is_dir() else []
        allowed = declared - untrained if part == "train" else declared
        # a leading dot is the mark of a folder that is being written
        strays = [path.name for path in present if path.is_dir() and path.name not in allowed and path.name[0] != "."]
        found += [f"{root}/{folder.name}/{part}/{name}" for name in strays]
    return found
