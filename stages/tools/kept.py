"""The lab's kept results, `data/lab`: how they are read, and how runs of profile `lab` are added.

steps.csv has the step log of every training run, scores.csv its scores, and probes.csv what probes measured of each rollout batch.
origin.json says of every run and probe which commit made it, with which packages and on which processor (another one may round
differently), and a sha256 of its settings. A run can be added on another day: the others stay, as long as the profile still says
of them what they were trained with.
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
from stages.artifacts.probes import check_probe, read_summary
from stages.artifacts.records import TrainingRecord
from stages.artifacts.steps import read_steps
from stages.claims.probed import COLUMNS as PROBED
from stages.claims.quantities import Measured
from stages.common.files import InputError, dump_json, output_folder, write_json, write_text
from stages.common.validation import read_as
from stages.profile.params import Params, load
from stages.profile.plans.base import Plan
from stages.profile.probes import declared_probes
from stages.profile.resolution import plans, probe_plan, report_plan
from stages.reporting.tables.claims import SCORES, scores_of

Plans = dict[str, Plan]
PROFILE, KEPT = "lab", Path("data/lab")
CODE = ("stages", "locks", "data/lab_model")
TABLES = {"steps.csv": ["run", "method", "seed", "step"], "scores.csv": SCORES, "probes.csv": PROBED}  # first columns


class Training(BaseModel):
    """Runs that one commit trained, and probes that it made. `runs`: name -> sha256 of its settings."""

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
        tables = [pd.read_csv(kept / name) for name in TABLES]
    except FileNotFoundError as error:
        raise InputError(f"{error.filename} is missing: {again}")
    return Measured(*tables), read_as(Origin, kept / "origin.json", again)


def commit_here() -> str:
    """The checked out commit; InputError where the working tree has changes, since results are of no commit then."""
    if _git("status", "--porcelain", "--untracked-files=no", "--", *CODE):
        raise InputError("stages: there are uncommitted changes, so that the results are of no commit; commit them")
    return _git("rev-parse", "HEAD")


def collect(folders: Sequence[Path], kept: Path, commit: str) -> None:
    """Adds to `kept` every declared run that is trained in one of `folders` (a project's results/), with scores where it is graded,
    and every probe.

    It replaces what was kept of the same run. A kept run stays that the profile declares with the settings it was trained with.
    InputError where there is nothing, or a run was trained by other code or settings than those here, of which `commit` is the
    name. This machine counts as the one that trained.
    """
    params = load(Path(f"profiles/{PROFILE}.yaml"))
    settings = settings_of_all(params)
    here, packages = plans(params), dict[str, str]()
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for folder in folders:
        packages |= _add_runs(folder / PROFILE, params, here, rows)
        packages |= _add_probes(folder / PROFILE, params, here, rows)
    if not packages:
        raise InputError(f"{folders[0] / PROFILE} holds no run of it: make repro PROFILE={PROFILE}")
    added = Measured(
        *(pd.DataFrame(rows[name] or None, columns=None if rows[name] else c) for name, c in TABLES.items())
    )
    names = [name for name in settings if name in {*added.steps["run"], *added.probes["probe"]}]
    new = Training(
        commit=commit,
        packages=packages,
        processor=processor(),
        runs={name: settings[name] for name in names},
    )
    tables, origin = _joined(read(kept) if kept.exists() else None, added, new, settings)
    with output_folder(kept, lambda folder: read(folder)) as folder:
        for name, table in zip(TABLES, (tables.steps, tables.scores, tables.probes), strict=True):
            write_text(folder / name, table.to_csv(index=False, lineterminator="\n"))
        write_json(folder / "origin.json", origin.model_dump())


def declared(params: Params) -> list[tuple[str, str, int]]:
    """(run, method, seed) of every training, in the order in which they are trained."""
    return [(f"{method}-{seed}", method, seed) for method in params.methods for seed in params.seeds]


def settings_of_all(params: Params) -> dict[str, str]:
    """Run or probe -> sha256 of all that its numbers follow from, but for the code and its packages."""
    common = params.model_dump(mode="json", include={"bench_seed", "model", "backend"})
    said: dict[str, dict[str, Any]] = {}
    for name, method, seed in declared(params):
        kind, settings = params.method_of(method)
        said[name] = {"method": kind, "settings": settings, "seed": seed, **_trained_on(params, method)}
    for name, probe in declared_probes(params).items():
        own = probe_plan(params, probe).model_dump(mode="json", exclude={"code", "environment"})
        said[name] = {"probe": own, **_trained_on(params, probe.method)}
    return {name: hashlib.sha256(dump_json(common | own).encode()).hexdigest() for name, own in said.items()}


def _trained_on(params: Params, method: str) -> dict[str, Any]:
    """Sections `train` and `data` as they are for `method`: a subset concerns only the runs that are trained on it."""
    train = params.train_of(method)
    subsets = {name: subset for name, subset in params.data.subsets.items() if name == train.dataset}
    return {
        "train": train.model_dump(mode="json"),
        "data": params.data.model_copy(update={"subsets": subsets}).model_dump(mode="json"),
    }


def _add_runs(folder: Path, params: Params, here: Plans, rows: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """Puts the rows of every run that is trained in `folder` (results/lab) into `rows`; the packages that trained them."""
    packages, benchmarks = dict[str, str](), report_plan(params).benchmarks
    for name, method, seed in declared(params):
        trained, graded = folder / "train" / name, folder / "grades" / name
        if not (trained / "steps.jsonl").is_file():
            continue
        _check(folder, here, ["model", "prepare", "subset", f"train/{name}"])
        run = {"run": name, "method": method, "seed": seed}
        rows["steps.csv"] += [run | line for line in read_steps(trained / "steps.jsonl", params.train.steps)]
        packages |= TrainingRecord.read(trained, "train", name).packages
        if graded.is_dir():
            _check(folder, here, ["sample", "grade"])
            for benchmark, score in read_scores(graded, benchmarks, name).items():
                rows["scores.csv"] += [run | {"benchmark": benchmark} | one for one in scores_of(score)]
    return packages


def _add_probes(folder: Path, params: Params, here: Plans, rows: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    packages = dict[str, str]()
    for name in declared_probes(params):
        made = folder / "probes" / name
        if not made.is_dir():
            continue
        _check(folder, here, ["model", "prepare", "subset", f"diagnose/{name}"])
        check_probe(made, name)
        table = pd.read_csv(made / "batches.csv").assign(probe=name)
        rows["probes.csv"] += table[PROBED].to_dict("records")
        packages |= read_summary(made, name).packages
    return packages


def processor() -> str:
    """What decides how sums are rounded: the processor's kind, as Linux tells it, and the instructions that torch uses of it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    kind = [f"{part} {told[part]}" for part in ("cpu family", "model", "stepping") if part in told]
    return ", ".join([told.get("model name", platform.machine()), *kind, torch.backends.cpu.get_cpu_capability()])


def _check(folder: Path, here: Plans, names: list[str]) -> None:
    """InputError where the plan of one of `names` is not the one that this code and profile give."""
    for name in names:
        path = folder / "plan" / f"{name}.json"
        if not path.is_file() or path.read_text(encoding="utf-8") != here[name].text():
            raise InputError(
                f"{path} is not what profiles/{PROFILE}.yaml and this code give: run make repro there again"
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
    kept, order = {run for training in trainings for run in training.runs}, list(settings)
    joined = Measured(
        _together(measured.steps, added.steps, "run", kept, order),
        _together(measured.scores, added.scores, "run", kept, order),
        _together(measured.probes, added.probes, "probe", kept, order),
    )
    return joined, Origin(trainings=[*trainings, new])


def _staying(training: Training, new: Training, settings: dict[str, str]) -> Training:
    """Without the runs that are trained anew, and those that the profile no longer declares as they were trained."""
    runs = {run: said for run, said in training.runs.items() if run not in new.runs and settings.get(run) == said}
    return training.model_copy(update={"runs": runs})


def _together(before: pd.DataFrame, now: pd.DataFrame, of: str, kept: set[str], order: list[str]) -> pd.DataFrame:
    """Rows of `before` whose column `of` is in `kept`, and those of `now`, in `order`."""
    whole = [table for table in (before[before[of].isin(kept)], now) if len(table)] or [now]
    place = {name: number for number, name in enumerate(order)}
    joined = pd.concat(whole, ignore_index=True)
    return joined.sort_values(of, key=lambda names: names.map(place), kind="stable", ignore_index=True)


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()
