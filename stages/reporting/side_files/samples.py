"""Side files of the page: every sample's grade, and as many texts as the limits below allow.

A page opened from disk cannot fetch, so the files are scripts that hand their content to the page:
`samples/<benchmark>.js` (problems and every run's grades) and `samples/<benchmark>/<run>.js` (texts).
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet

from stages.artifacts.grades import Graded
from stages.artifacts.samples import Sample, read_samples
from stages.common.files import InputError, read_jsonl, write_text
from stages.reporting.inputs.results import Results
from stages.reporting.inputs.whole import check_objects, last_object

FILE_BYTES = 128 * 1024  # of texts, a run and benchmark
TEXT_CHARACTERS = 6000  # of one text: its beginning and its end, where the answer stands
PROBLEM_CHARACTERS = 1500
AGAIN = "run stage prepare again"
RIGHT, WRONG = "1", "0"
MARKS = {"no answer": "n", "timeout": "t", "limit": "l", "error": "e"}
DISAGREEING = {RIGHT: "R", WRONG: "W", "n": "N", "t": "T", "l": "L", "e": "E"}


def write_samples(results: Results, folder: Path, output: Path) -> None:
    """`folder` is the profile's, `output` the one for the side files."""
    for benchmark in dict.fromkeys(benchmark for _, benchmark in results.grades):
        graded = {run: found for (run, name), found in results.grades.items() if name == benchmark}
        first = next(iter(graded.values()))
        index = {
            "benchmark": benchmark,
            "k": first.correct.shape[1],
            "grader": f"{first.score.grader} {first.score.grader_version}",
            "alternatives": sorted(first.alternatives),
            "problems": _problems(folder / "data" / "eval" / f"{benchmark}.jsonl", first),
            "grades": {run: marks(found) for run, found in graded.items()},
        }
        _write_script(output / f"{benchmark}.js", "problems", index)
        last = _last_problem(folder / "data" / "eval" / f"{benchmark}.jsonl")
        for run, found in graded.items():
            _check_end(folder / "samples" / run / f"{benchmark}.jsonl", last, index["k"], run)
            texts = _texts(folder, benchmark, run, found)
            _write_script(output / benchmark / f"{run}.js", "texts", {"benchmark": benchmark, "run": run, **texts})


def marks(graded: Graded) -> str:
    """One letter a sample, K a problem: 1 right, 0 wrong, n no answer, t timeout, l another limit, e error; where graders
    disagree, R W N T L E in their place.
    """
    cells = np.where(graded.correct, RIGHT, WRONG)
    for place, name in enumerate(graded.statuses):
        mark = MARKS.get(name.partition(":")[0])
        if mark:
            cells[(graded.status == place) & ~graded.correct] = mark
    disagree = graded.disagree
    for plain, other in DISAGREEING.items():
        cells[(cells == plain) & disagree] = other
    return "".join(cells.ravel())


def _problems(path: Path, graded: Graded) -> list[list[Any]]:
    """[id, level or null, text, reference answer] in the order of ids."""
    if not path.is_file():
        raise InputError(f"{path} is missing: run stage prepare (dvc repro does)")
    check_objects(path, AGAIN)
    lines = {line.get("id"): line for line in read_jsonl(path)}
    unknown = [name for name in graded.ids if name not in lines]
    if unknown:
        raise InputError(f"{path} has no problem {unknown[0]}, which was graded: run stages prepare, sample and grade")
    if torn := [name for name in graded.ids if not {"problem", "answer"} <= lines[name].keys()]:
        raise InputError(f"{path}: problem {torn[0]} has no problem or no answer: {AGAIN}")
    levels = graded.levels if graded.levels is not None else [None] * len(graded.ids)
    return [
        [name, None if level is None else int(level), _cut(lines[name]["problem"], PROBLEM_CHARACTERS),
         _cut(str(lines[name]["answer"]), PROBLEM_CHARACTERS)]
        for name, level in zip(graded.ids, levels, strict=True)
    ]  # fmt: skip


def _last_problem(path: Path) -> str:
    return str((last_object(path, AGAIN) or {})["id"])


def _check_end(path: Path, problem: str, k: int, run: str) -> None:
    """InputError where the samples end before the last one of the last problem: their order is (problem, repeat)."""
    if not path.is_file():
        raise InputError(f"{path} is missing; run stage sample (dvc repro does)")
    again = f"delete the folder and run stage sample for {run}"
    last = last_object(path, again) or {}
    if (last.get("id"), last.get("repeat")) != (problem, k - 1):
        ends = f"ends with {last['id']}, repeat {last.get('repeat')}" if "id" in last else "holds no sample at its end"
        raise InputError(f"{path} {ends}, where {problem}, repeat {k - 1}, was graded: it was cut short; {again}")


def _texts(folder: Path, benchmark: str, run: str, graded: Graded) -> dict[str, Any]:
    """`rows`: [problem's place, repeat, text, extracted answer, tokens, stop reason, status], up to FILE_BYTES."""
    path = folder / "samples" / run / f"{benchmark}.jsonl"
    place = {name: i for i, name in enumerate(graded.ids)}
    taken: list[tuple[Sample, str]] = []
    size = 0
    for sample in read_samples(path):
        if sample.id not in place or sample.repeat >= graded.correct.shape[1]:
            known = f"{sample.id}, repeat {sample.repeat}"
            raise InputError(f"{path}: {known} was sampled but not graded: run stage grade for {run}")
        text = _cut(sample.text, TEXT_CHARACTERS)
        size += len(text.encode()) + 100
        if size > FILE_BYTES:
            break
        taken.append((sample, text))
    extracted = _extracted(folder / "grades" / run / f"{benchmark}.parquet", {sample.id for sample, _ in taken})
    rows = []
    for sample, text in taken:
        status = graded.statuses[graded.status[place[sample.id], sample.repeat]]
        answer = extracted.get((sample.id, sample.repeat))
        rows.append([place[sample.id], sample.repeat, text, answer, sample.tokens, sample.stop_reason, status])
    return {"total": int(graded.correct.size), "rows": rows}


def _extracted(path: Path, wanted: set[str]) -> dict[tuple[str, int], str | None]:
    """(id, repeat) -> the answer that the grader read; empty where the table has no such column."""
    if not wanted or "extracted" not in pyarrow.parquet.read_schema(path).names:
        return {}
    chosen = [("id", "in", sorted(wanted))]
    table = pyarrow.parquet.read_table(path, columns=["id", "repeat", "extracted"], filters=chosen)
    names, repeats, answers = (table[name].to_pylist() for name in ("id", "repeat", "extracted"))
    return {(name, repeat): answer for name, repeat, answer in zip(names, repeats, answers, strict=True)}


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters left out …]\n{text[-half:]}"


def _write_script(path: Path, kind: str, content: dict[str, Any]) -> None:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    write_text(path, f"bench.receive({json.dumps(kind)},{text});\n")
