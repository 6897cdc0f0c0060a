"""Side files of the page: every verdict, and as many texts as the cap allows.

A page opened from disk cannot fetch, so the files are scripts that hand their content to the page:
`samples/<benchmark>.js` (problems and every run's verdicts) and `samples/<benchmark>/<run>.js` (texts).
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet

from stages.files import InputError, read_jsonl, write_text
from stages.reporting.grades import Graded
from stages.reporting.load import Results

FILE_BYTES = 128 * 1024  # of texts, a run and benchmark
TEXT_CHARACTERS = 6000  # of one text: its beginning and its end, where the answer stands
PROBLEM_CHARACTERS = 1500
RIGHT, WRONG = "1", "0"
MARKS = {"no answer": "n", "timeout": "t", "error": "e"}
DISAGREEING = {RIGHT: "R", WRONG: "W", "n": "N", "t": "T", "e": "E"}


def write(results: Results, folder: Path, output: Path) -> None:
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
            "verdicts": {run: marks(found) for run, found in graded.items()},
        }
        _script(output / f"{benchmark}.js", "problems", index)
        for run, found in graded.items():
            texts = _texts(folder, benchmark, run, found)
            _script(output / benchmark / f"{run}.js", "texts", {"benchmark": benchmark, "run": run, **texts})


def marks(graded: Graded) -> str:
    """A letter a sample, K a problem: 1 right, 0 wrong, n no answer, t timeout, e error; R W N T E where graders
    disagree."""
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
    lines = {line["id"]: line for line in read_jsonl(path)}
    unknown = [name for name in graded.ids if name not in lines]
    if unknown:
        raise InputError(f"{path} has no problem {unknown[0]}, which was graded: run stages prepare, sample and grade")
    levels = graded.levels if graded.levels is not None else [None] * len(graded.ids)
    return [
        [name, None if level is None else int(level), _cut(lines[name]["problem"], PROBLEM_CHARACTERS),
         _cut(str(lines[name]["answer"]), PROBLEM_CHARACTERS)]
        for name, level in zip(graded.ids, levels, strict=True)
    ]  # fmt: skip


def _texts(folder: Path, benchmark: str, run: str, graded: Graded) -> dict[str, Any]:
    """`rows`: [problem's place, repeat, text, extracted answer, tokens, stop reason, status], up to FILE_BYTES."""
    path = folder / "samples" / run / f"{benchmark}.jsonl"
    if not path.is_file():
        raise InputError(f"{path} is missing: run stage sample for {run} (dvc repro does)")
    place = {name: i for i, name in enumerate(graded.ids)}
    taken: list[dict[str, Any]] = []
    size = 0
    with path.open(encoding="utf-8") as lines:  # line by line: these files can be many gigabytes
        for number, line in enumerate(lines, 1):
            try:
                sample = json.loads(line)
            except json.JSONDecodeError:
                raise InputError(
                    f"{path} line {number} is not whole JSON: delete the file and run stage sample for {run}"
                )
            text = _cut(sample["text"], TEXT_CHARACTERS)
            size += len(text.encode()) + 100
            if size > FILE_BYTES:
                break
            taken.append({**sample, "text": text})
    extracted = _extracted(folder / "grades" / run / f"{benchmark}.parquet", {s["id"] for s in taken})
    rows = []
    for sample in taken:
        if sample["id"] not in place:
            raise InputError(f"{path}: {sample['id']} was sampled but not graded: run stage grade for {run}")
        status = graded.statuses[graded.status[place[sample["id"]], sample["repeat"]]]
        answer = extracted.get((sample["id"], sample["repeat"]))
        facts = [sample["tokens"], sample["stop_reason"], status]
        rows.append([place[sample["id"]], sample["repeat"], sample["text"], answer, *facts])
    return {"total": int(graded.correct.size), "rows": rows}


def _extracted(path: Path, wanted: set[str]) -> dict[tuple[str, int], str | None]:
    """(id, repeat) -> the answer that the grader read; empty where the table has no such column."""
    if not wanted or "extracted" not in pyarrow.parquet.read_schema(path).names:
        return {}
    chosen = [("id", "in", sorted(wanted))]
    table = pyarrow.parquet.read_table(path, columns=["id", "repeat", "extracted"], filters=chosen)
    names, repeats, answers = (table[name].to_pylist() for name in ("id", "repeat", "extracted"))
    return dict(zip(zip(names, repeats), answers))


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters left out …]\n{text[-half:]}"


def _script(path: Path, kind: str, content: dict[str, Any]) -> None:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    write_text(path, f"bench.receive({json.dumps(kind)},{text});\n")
