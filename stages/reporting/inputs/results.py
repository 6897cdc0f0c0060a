"""The declared runs' files as checked tables. Runs that are not declared are named and never read."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stages.artifacts.choices import Choice, read_choice
from stages.artifacts.grades import SCORES, Graded, NotRun, read_grades, read_scores
from stages.artifacts.manifest import Manifest, read_manifest
from stages.artifacts.probes import TABLES, ProbeSummary, check_probe, read_summary
from stages.artifacts.records import FILE as RECORD
from stages.artifacts.records import SamplingRecord, TrainingRecord
from stages.artifacts.samples import BASE
from stages.artifacts.steps import COLUMNS, read_steps
from stages.common.files import InputError, read_json
from stages.profile.plans.report import ReportPlan
from stages.reporting.inputs.partial import part_that_is_there
from stages.reporting.inputs.whole import check_objects

NO_STEPS = [
    "run",
    "method",
    "seed",
    *(name for name, column in COLUMNS.items() if column.always),
]  # nothing was trained


@dataclass(frozen=True)
class Run:
    """One trained model; or a model that the bench did not train (the base model, a released one): seed None."""

    name: str
    method: str
    seed: int | None


@dataclass(frozen=True)
class Probe:
    """`tables`: those of stages/artifacts/probes.py, by name."""

    summary: ProbeSummary
    tables: dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Results:
    """All that the report is made of.

    `steps` has a row a run and step: run, method, seed, and the columns of steps.jsonl. `grades` maps (run, benchmark) to
    what graders say, in the order of runs and benchmarks; `not_run` to the reason why they say nothing. `trained` and
    `sampled` are by run; `data` is the data's manifest. `choices` maps (rule, run) to the checkpoint that a rule of the profile's
    `checkpoints` chose, and `chosen` (rule, run, benchmark) to what graders say of it; `grades` is of the last ones. `held_out` maps the runs of `tuning` to what graders say of
    the set that chooses among them. `probes` are by name. `undeclared` are folders of runs that the profile does not
    declare, from the root.
    """

    plan: ReportPlan
    runs: list[Run]
    steps: pd.DataFrame
    grades: dict[tuple[str, str], Graded]
    not_run: dict[tuple[str, str], str]
    trained: dict[str, TrainingRecord]
    sampled: dict[str, SamplingRecord]
    data: Manifest
    choices: dict[tuple[str, str], Choice]
    chosen: dict[tuple[str, str, str], Graded]
    held_out: dict[str, Graded]
    probes: dict[str, Probe]
    undeclared: list[str]
    missing: tuple[str, ...] = ()  # declared, and not there yet: only of a partial report
    left_out: tuple[str, ...] = ()  # there, and not compared in a partial report: methods without all its seeds

    @property
    def methods(self) -> list[str]:
        return list(dict.fromkeys(run.method for run in self.runs if run.seed is not None))

    @property
    def models(self) -> list[str]:
        """The base model, released models and methods, in this order: a row of a table each."""
        return list(dict.fromkeys(run.method for run in self.runs))

    @property
    def packages(self) -> dict[tuple[str, str], dict[str, str]]:
        """(run, stage train or sample) -> package -> version."""
        trained = {(run, "train"): record.packages for run, record in self.trained.items()}
        return trained | {(run, "sample"): record.packages for run, record in self.sampled.items()}


def load(results: Path, profile: str, partial: bool = False) -> Results:
    """Reads `results/<profile>`; InputError names the stage to run when a declared run's file is missing or wrong.

    With `partial` what is not there yet is left out and named.
    """
    folder = results / profile
    check_objects(folder / "plan" / "report.json", "run `dvc repro`, whose first stage writes it")
    plan = ReportPlan.read_of(profile, folder / "plan" / "report.json")
    declared, missing, left_out = plan, list[str](), list[str]()
    if partial:
        plan, missing, left_out = part_that_is_there(folder, plan)
    untrained = [BASE, *plan.released]
    runs = [*(Run(name, name, None) for name in untrained), *map(_run, plan.runs)]
    trained, sampled, steps = {}, {}, []
    grades: dict[tuple[str, str], Graded] = {}
    not_run: dict[tuple[str, str], str] = {}
    for run in runs:
        _check_files(folder, run.name)
        if run.seed is not None:
            steps += _steps(folder / "train" / run.name, run, plan.train.steps)
            trained[run.name] = TrainingRecord.read(folder / "train" / run.name, "train", run.name)
        sampled[run.name] = SamplingRecord.read(folder / "samples" / run.name, "sample", run.name)
        judged, not_judged = _grades(folder, plan.benchmarks, run.name)
        grades |= {(run.name, benchmark): graded for benchmark, graded in judged.items()}
        not_run |= {(run.name, benchmark): reason for benchmark, reason in not_judged.items()}
    choices: dict[tuple[str, str], Choice] = {}
    chosen: dict[tuple[str, str, str], Graded] = {}
    for rule in plan.checkpoints:
        for run in (run for run in runs if run.seed is not None):
            name = f"{run.name}.{rule}"
            _check_files(folder, name)
            choices[rule, run.name] = read_choice(folder / "samples" / name, name)
            sampled[name] = SamplingRecord.read(folder / "samples" / name, "sample", name)
            judged, _ = _grades(folder, plan.benchmarks, name)
            chosen |= {(rule, run.name, benchmark): graded for benchmark, graded in judged.items()}
    held_out: dict[str, Graded] = {}
    if tuning := plan.tuning:
        chooses = {tuning.select_on: plan.protocol.samples[tuning.select_on]}
        for run in (run for run in runs if run.method in tuning.points()):
            judged, _ = _grades(folder, chooses, run.name)
            held_out |= {run.name: judged[tuning.select_on]} if judged else {}
        _one_grading(folder, {(run, tuning.select_on): graded for run, graded in held_out.items()})
    _one_protocol(folder, plan.protocol.asked_by, sampled)
    manifest = folder / "data" / "manifest.json"
    check_objects(manifest, "run stage prepare again")
    of_chosen = {(f"{run}.{rule}", benchmark): graded for (rule, run, benchmark), graded in chosen.items()}
    _one_grading(folder, grades | of_chosen)
    return Results(
        plan=plan,
        runs=runs,
        steps=pd.DataFrame(steps, columns=None if steps else NO_STEPS),
        grades=grades,
        not_run=not_run,
        trained=trained,
        sampled=sampled,
        data=_manifest(manifest, {benchmark for _, benchmark in grades}),
        choices=choices,
        chosen=chosen,
        held_out=held_out,
        probes={name: _probe(folder / "probes" / name, name) for name in plan.probes},
        undeclared=_undeclared(
            folder,
            results.name,
            {BASE, *declared.released, *declared.runs},
            {BASE, *declared.released},
            declared.checkpoints,
        ),
        missing=tuple(missing),
        left_out=tuple(left_out),
    )


def _check_files(folder: Path, run: str) -> None:
    """InputError where a file of one run holds no JSON object; what is missing is for its reader to name."""
    for file, stage in (
        (folder / "train" / run / "steps.jsonl", "train"),
        (folder / "train" / run / RECORD, "train"),
        (folder / "samples" / run / RECORD, "sample"),
        (folder / "grades" / run / SCORES, "grade"),
    ):
        check_objects(file, f"delete the folder and run stage {stage} for {run}")
    scores = folder / "grades" / run / SCORES
    for benchmark, record in (read_json(scores) if scores.is_file() else {}).items():
        if not isinstance(record, dict):
            raise InputError(f"{scores}: {benchmark} is no JSON object: run stage grade for {run}")


def _manifest(path: Path, benchmarks: set[str]) -> Manifest:
    """InputError where it has no entry of a benchmark that was graded."""
    found = read_manifest(path)
    for name in sorted(f"eval/{benchmark}.jsonl" for benchmark in benchmarks):
        if name not in found:
            raise InputError(f"{path}: {name} is missing, which was graded: run stage prepare again")
    return found


def _probe(folder: Path, name: str) -> Probe:
    check_probe(folder, name)
    return Probe(read_summary(folder, name), {table: pd.read_csv(folder / f"{table}.csv") for table in TABLES})


def _grades(folder: Path, samples: dict[str, int], run: str) -> tuple[dict[str, Graded], dict[str, str]]:
    """Benchmark -> grades, and benchmark -> reason for those that were not graded. `samples`: benchmark -> k."""
    judged, not_judged, graded = {}, {}, folder / "grades" / run
    for benchmark, score in read_scores(graded, samples, run).items():
        if isinstance(score, NotRun):
            not_judged[benchmark] = score.reason
        else:
            table = graded / f"{benchmark}.parquet"
            judged[benchmark] = read_grades(table, score, samples[benchmark], run)
    return judged, not_judged


def _run(name: str) -> Run:
    method, _, seed = name.rpartition("-")
    return Run(name, method, int(seed))


def _steps(folder: Path, run: Run, total: int) -> list[dict[str, str | int | float | None]]:
    if not (folder / "steps.jsonl").is_file():
        raise InputError(f"{folder / 'steps.jsonl'} is missing: run stage train for {run.name} (dvc repro does)")
    try:
        lines = read_steps(folder / "steps.jsonl", total)
    except InputError as error:
        raise InputError(f"{error}: delete the folder and run stage train for {run.name}")
    return [{"run": run.name, "method": run.method, "seed": run.seed} | line for line in lines]


def _one_protocol(folder: Path, declared: str, sampled: dict[str, SamplingRecord]) -> None:
    """All runs were sampled under the effective protocol."""
    for run, record in sampled.items():
        if record.protocol != declared:
            raise InputError(
                f"{folder / 'samples' / run / 'versions.json'}: protocol: sampled under {record.protocol}, the effective"
                f" one is {declared}: run stage sample for {run}"
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


def _undeclared(folder: Path, root: str, declared: set[str], untrained: set[str], rules: Iterable[str]) -> list[str]:
    found = []
    trained = declared - untrained
    chosen = {f"{run}.{rule}" for run in trained for rule in rules}
    for part in ("train", "samples", "grades"):
        present = sorted((folder / part).iterdir()) if (folder / part).is_dir() else []
        allowed = trained if part == "train" else declared | chosen
        # a leading dot is the mark of a folder that is being written
        undeclared = [
            path.name for path in present if path.is_dir() and path.name not in allowed and path.name[0] != "."
        ]
        found += [f"{root}/{folder.name}/{part}/{name}" for name in undeclared]
    return found
