"""The declared runs' files as checked tables. Nothing that is not declared is read; strays are only named."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from stages.files import InputError, read_json, read_jsonl
from stages.statistics import avg_at_k

BASE = "base"


@dataclass(frozen=True)
class Run:
    """One trained model, or the base model (method `base`, seed None)."""

    name: str
    method: str
    seed: int | None


@dataclass(frozen=True)
class Results:
    """All that the report is made of.

    `steps` has a row a run and step: run, method, seed, step, the measurements, and the method's own under `method.`.
    `samples` has a row a sample: run, method, seed, benchmark, id, repeat, level, length (tokens), correct, status,
    stop_reason, grader, grader_version. `not_run` maps
    (run, benchmark) to the reason. `versions` has a column a run and stage. `strays` are folders, from the root.
    """

    settings: dict[str, Any]
    runs: list[Run]
    steps: pd.DataFrame
    samples: pd.DataFrame
    not_run: dict[tuple[str, str], str]
    versions: dict[tuple[str, str], dict[str, str]]
    strays: list[str]

    @property
    def profile(self) -> str:
        return self.settings["profile"]

    @property
    def trained(self) -> list[Run]:
        return [run for run in self.runs if run.name != BASE]

    @property
    def methods(self) -> list[str]:
        return list(dict.fromkeys(run.method for run in self.trained))


def load(results: Path, profile: str) -> Results:
    """Reads `results/<profile>`; InputError names the stage to run when a declared run's file is missing or wrong."""
    folder = results / profile
    settings = read_json(_present(folder / "plan" / "report.json", "resolve", profile))["settings"]
    if settings["profile"] != profile:
        raise InputError(
            f"plan/report.json is of profile {settings['profile']}, not {profile}: run stage resolve again"
        )
    runs = [Run(BASE, BASE, None), *map(_run, settings["runs"])]
    versions, steps, samples, not_run = {}, [], [], {}
    for run in runs:
        if run.name != BASE:
            steps += _steps(folder / "train" / run.name, run, settings["train"]["steps"])
            versions[run.name, "train"] = _versions(folder / "train" / run.name, "train", run.name)
        versions[run.name, "sample"] = _versions(folder / "samples" / run.name, "sample", run.name)
        rows, reasons = _grades(folder / "grades" / run.name, run, settings["benchmarks"])
        samples += rows
        not_run |= reasons
    columns = [
        "run",
        "method",
        "seed",
        "benchmark",
        "id",
        "repeat",
        "level",
        "length",
        "correct",
        "status",
        "stop_reason",
    ]
    return Results(
        settings=settings,
        runs=runs,
        steps=pd.DataFrame(steps),
        samples=pd.DataFrame(samples, columns=[*columns, "grader", "grader_version"]),
        not_run=not_run,
        versions=versions,
        strays=_strays(folder, results.name, {run.name for run in runs}),
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


def _steps(folder: Path, run: Run, total: int) -> Iterable[dict[str, Any]]:
    path = _present(folder / "steps.jsonl", "train", run.name)
    rows = list(read_jsonl(path))
    if [row.get("step") for row in rows] != list(range(1, total + 1)):
        raise InputError(
            f"{path} must have the steps 1 to {total} in order: delete the folder and run stage train for {run.name}"
        )
    for number, row in enumerate(rows, 1):
        for field in ("entropy", "reward", "response_length", "clip_fraction_high", "clip_fraction_low"):
            if not isinstance(row.get(field), (int, float)):
                raise InputError(f"{path} line {number}: {field} is missing: run stage train for {run.name}")
    return [
        {"run": run.name, "method": run.method, "seed": run.seed}
        | {name: value for name, value in row.items() if name != "method"}
        | {f"method.{name}": value for name, value in row.get("method", {}).items()}
        for row in rows
    ]


def _grades(
    folder: Path, run: Run, benchmarks: dict[str, int]
) -> tuple[list[dict[str, Any]], dict[tuple[str, str], str]]:
    """Rows of all benchmarks that ran, and the reasons of those that did not."""
    scores = read_json(_present(folder / "scores.json", "grade", run.name))
    rows, not_run = [], {}
    for benchmark, k in benchmarks.items():
        if benchmark not in scores:
            raise InputError(
                f"{folder / 'scores.json'}: benchmark {benchmark} is missing: run stage grade for {run.name}"
            )
        if scores[benchmark]["status"] != "graded":
            not_run[run.name, benchmark] = scores[benchmark]["status"].removeprefix("not run:").strip()
            continue
        path = _present(folder / f"{benchmark}.jsonl", "grade", run.name)
        found = [_sample(row, run, benchmark, path) for row in read_jsonl(path)]
        _check(path, found, k, scores[benchmark], run.name)
        rows += sorted(found, key=lambda row: (row["id"], row["repeat"]))
    return rows, not_run


def _sample(row: dict[str, Any], run: Run, benchmark: str, path: Path) -> dict[str, Any]:
    try:
        return {
            "run": run.name,
            "method": run.method,
            "seed": run.seed,
            "benchmark": benchmark,
            "level": row.get("level"),
            "length": row["tokens"],
            **{field: row[field] for field in ("id", "repeat", "status", "stop_reason", "grader", "grader_version")},
            "correct": bool(row["correct"]),
        }
    except KeyError as error:
        raise InputError(f"{path}: a row has no {error.args[0]!r}: run stage grade for {run.name}")


def _check(path: Path, rows: list[dict[str, Any]], k: int, scores: dict[str, Any], run: str) -> None:
    """Every problem has its k samples once, and the lines say what scores.json says."""
    frame = pd.DataFrame(rows, columns=["id", "repeat", "correct"])
    problems = frame["id"].nunique()
    if not problems or frame.duplicated(["id", "repeat"]).any() or (frame.groupby("id").size() != k).any():
        raise InputError(
            f"{path}: {len(frame)} rows of {problems} problems are not k = {k} each: run stage grade for {run}"
        )
    average = avg_at_k(correctness(frame))
    if scores["problems"] != problems or abs(scores["avg_at_k"] - average) > 1e-9:
        raise InputError(
            f"{path}: {problems} problems with avg@{k} {average:.6g}, but scores.json says {scores['problems']} with "
            f"{scores['avg_at_k']:.6g}: run stage grade for {run}"
        )


def correctness(samples: pd.DataFrame):
    """[problems, k] bool array of one run's samples on one benchmark; problems in order of their id."""
    return samples.pivot(index="id", columns="repeat", values="correct").to_numpy(dtype=bool)


def _strays(folder: Path, root: str, declared: set[str]) -> list[str]:
    found = []
    for part in ("train", "samples", "grades"):
        present = sorted((folder / part).iterdir()) if (folder / part).is_dir() else []
        allowed = declared - {BASE} if part == "train" else declared
        # a leading dot is the mark of a folder that is being written
        strays = [path.name for path in present if path.is_dir() and path.name not in allowed and path.name[0] != "."]
        found += [f"{root}/{folder.name}/{part}/{name}" for name in strays]
    return found
