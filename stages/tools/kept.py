"""The lab's kept results, `data/lab`: how they are read, and how runs of profile `lab` are added.

steps.csv has the step log of every training run and scores.csv its scores. origin.json says of every run which commit trained it,
with which packages and on which processor (another one may round differently), and a sha256 of its settings. A run can be added
on another day: the others stay, as long as the profile still says of them what they were trained with.
"""

import hashlib
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from pydantic import BaseModel, ConfigDict

from stages.artifacts.grades import read_scores
from stages.artifacts.records import TrainingRecord
from stages.artifacts.steps import read_steps
from stages.claims.quantities import Measured
from stages.common.files import InputError, dump_json, output_folder, write_json, write_text
from stages.common.validation import read_as
from stages.profile.params import Params, load
from stages.profile.plans.base import Plan
from stages.profile.resolution import plans, report_plan
from stages.reporting.tables.claims import SCORES, scores_of

PROFILE, KEPT = "lab", Path("data/lab")
CODE = ("stages", "locks", "data/lab_model")


class Training(BaseModel):
    """Runs that one commit trained. `runs`: name -> sha256 of its settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    commit: str
    packages: dict[str, str]
    processor: str
    runs: dict[str, str]


class Origin(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    trainings: list[Training]

    def of(self, run: str) -> Training:
        return next(training for training in self.trainings if run in training.runs)


def read(kept: Path) -> tuple[Measured, Origin]:
    """What `collect` wrote; InputError where a file is missing."""
    again = f"restore {KEPT} from the repository"
    try:
        tables = [pd.read_csv(kept / name) for name in ("steps.csv", "scores.csv")]
    except FileNotFoundError as error:
        raise InputError(f"{error.filename} is missing: {again}")
    return Measured(*tables), read_as(Origin, kept / "origin.json", again)


def commit_here() -> str:
    """The checked out commit; InputError where the working tree has changes, since results are of no commit then."""
    if _git("status", "--porcelain", "--untracked-files=no", "--", *CODE):
        raise InputError("stages: there are uncommitted changes, so that the results are of no commit; commit them")
    return _git("rev-parse", "HEAD")


def collect(folders: Sequence[Path], kept: Path, commit: str) -> None:
    """Adds to `kept` every declared run that is trained in one of `folders` (a project's results/), with scores where it is graded.

    It replaces what was kept of the same run. A kept run stays that the profile declares with the settings it was trained with.
    InputError where nothing is trained, or a run was trained by other code or settings than those here, of which `commit` is the
    name. This machine counts as the one that trained.
    """
    params = load(Path(f"profiles/{PROFILE}.yaml"))
    settings = {run: settings_of(params, method, seed) for run, method, seed in declared(params)}
    steps: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = []
    packages: dict[str, str] = {}
    for folder in folders:
        found_steps, found_scores, packages = results_of(folder / PROFILE, params)
        steps += found_steps
        scores += found_scores
    added = Measured(pd.DataFrame(steps), pd.DataFrame(scores, columns=SCORES))
    names = [name for name in settings if name in set(added.steps["run"])]
    new = Training(
        commit=commit,
        packages=packages,
        processor=processor(),
        runs={name: settings[name] for name in names},
    )
    tables, origin = _joined(read(kept) if kept.exists() else None, added, new, settings)
    with output_folder(kept, lambda folder: read(folder)) as folder:
        write_text(folder / "steps.csv", tables.steps.to_csv(index=False, lineterminator="\n"))
        write_text(folder / "scores.csv", tables.scores.to_csv(index=False, lineterminator="\n"))
        write_json(folder / "origin.json", origin.model_dump())


def declared(params: Params) -> list[tuple[str, str, int]]:
    """(run, method, seed) of every training, in the order in which they are trained."""
    return [(f"{method}-{seed}", method, seed) for method in params.methods for seed in params.seeds]


def settings_of(params: Params, method: str, seed: int) -> str:
    """sha256 of all that a run's numbers follow from, but for the code and its packages."""
    run, settings = params.method_of(method)
    said = params.model_dump(mode="json", include={"bench_seed", "data", "model", "train", "backend"})
    return hashlib.sha256(dump_json(said | {"method": run, "settings": settings, "seed": seed}).encode()).hexdigest()


def results_of(folder: Path, params: Params) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, str]]:
    """Rows of steps.csv and scores.csv, and the packages, of every run that is trained in `folder` (results/lab)."""
    steps, scores, packages = [], [], {}
    here = plans(params)
    benchmarks = report_plan(params).benchmarks
    for name, method, seed in declared(params):
        if not (folder / "train" / name / "steps.jsonl").is_file():
            continue
        _check(folder, here, ["model", "prepare", "subset", f"train/{name}"])
        run = {"run": name, "method": method, "seed": seed}
        steps += [run | line for line in read_steps(folder / "train" / name / "steps.jsonl", params.train.steps)]
        packages = TrainingRecord.read(folder / "train" / name, "train", name).packages
        if (folder / "grades" / name).is_dir():
            _check(folder, here, ["sample", "grade"])
            for benchmark, score in read_scores(folder / "grades" / name, benchmarks, name).items():
                scores += [run | {"benchmark": benchmark} | one for one in scores_of(score)]
    if not steps:
        raise InputError(
            f"{folder / 'train'} holds no run of profile {PROFILE}: cp profiles/lab.yaml params.yaml && dvc repro"
        )
    return steps, scores, packages


def processor() -> str:
    """What decides how sums are rounded: the processor's kind, as Linux tells it, and the instructions that torch uses of it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    kind = [f"{part} {told[part]}" for part in ("cpu family", "model", "stepping") if part in told]
    return ", ".join([told.get("model name", platform.machine()), *kind, torch.backends.cpu.get_cpu_capability()])


def _check(folder: Path, here: dict[str, Plan], names: list[str]) -> None:
    """InputError where the plan of one of `names` is not the one that this code and profile give."""
    for name in names:
        path = folder / "plan" / f"{name}.json"
        if not path.is_file() or path.read_text(encoding="utf-8") != here[name].text():
            raise InputError(
                f"{path} is not what profiles/{PROFILE}.yaml and this code give: run dvc repro there again"
            )


def _joined(
    old: tuple[Measured, Origin] | None, added: Measured, new: Training, settings: dict[str, str]
) -> tuple[Measured, Origin]:
    """Kept and added results together, in the profile's order."""
    if old is None:
        return added, Origin(trainings=[new])
    measured, origin = old
    trainings = [_staying(training, new, settings) for training in origin.trainings]
    trainings = [training for training in trainings if training.runs]
    kept = {run for training in trainings for run in training.runs}
    steps, scores = (
        _together(before[before["run"].isin(kept)], now, list(settings))
        for before, now in ((measured.steps, added.steps), (measured.scores, added.scores))
    )
    return Measured(steps, scores), Origin(trainings=[*trainings, new])


def _staying(training: Training, new: Training, settings: dict[str, str]) -> Training:
    """Without the runs that are trained anew, and those that the profile no longer declares as they were trained."""
    runs = {run: said for run, said in training.runs.items() if run not in new.runs and settings.get(run) == said}
    return training.model_copy(update={"runs": runs})


def _together(before: pd.DataFrame, now: pd.DataFrame, order: list[str]) -> pd.DataFrame:
    whole = [table for table in (before, now) if len(table)] or [now]
    place = {run: number for number, run in enumerate(order)}
    joined = pd.concat(whole, ignore_index=True)
    return joined.sort_values("run", key=lambda runs: runs.map(place), kind="stable", ignore_index=True)


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()
