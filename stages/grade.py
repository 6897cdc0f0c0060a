"""Grades a run's samples: `.venv/eval/bin/python -m stages.grade <profile> <run>`. Needs no model and no server.

Reads results/<profile>/{plan/grade.json, data/eval, samples/<run>}, writes results/<profile>/grades/<run>/: a table
<benchmark>.parquet with a row a sample, without its text, and scores.json. Every sample stays in the denominator: no
answer, a hung grader, a crash count as wrong. A benchmark whose grader cannot run here gets `not run: <reason>` instead
of a score; the others are graded. Alternative graders judge the same samples beside the benchmark's own.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet

from stages.diversity import diversity
from stages.files import InputError, output_folder, read_json, read_jsonl, write_json
from stages.graders import GRADERS
from stages.graders.base import Grader, Verdict
from stages.stage import run_stage
from stages.statistics import avg_at_k, pass_at_k

Pair = tuple[dict[str, Any], dict[str, Any]]  # problem, sample
LONGEST_EXTRACT = 200  # characters of an answer that the table keeps; the text stays in samples/
TEXT = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
SCHEMA = [
    ("id", pyarrow.string()), ("repeat", pyarrow.int16()), ("level", pyarrow.int16()), ("tokens", pyarrow.int32()),
    ("stop_reason", TEXT), ("extracted", pyarrow.string()), ("correct", pyarrow.bool_()), ("status", TEXT),
]  # fmt: skip


def main(arguments: list[str]) -> None:
    if len(arguments) != 2:
        raise InputError("usage: python -m stages.grade <profile> <run>")
    results, run = Path("results") / arguments[0], arguments[1]
    plan = results / "plan" / "grade.json"
    if not plan.is_file():
        raise InputError(f"{plan} is missing; run `dvc repro`, which writes it")
    settings = read_json(plan)["settings"]
    benchmarks, alternatives = settings["samples"], settings.get("alternatives", {})
    for benchmark in benchmarks:
        find_grader(benchmark, settings["graders"].get(benchmark))
        for name in alternatives.get(benchmark, []):
            find_grader(benchmark, name)
    scores = {}
    with output_folder(results / "grades" / run) as folder:
        for benchmark, k in benchmarks.items():
            problems = results / "data" / "eval" / f"{benchmark}.jsonl"
            pairs = pair_up(problems, results / "samples" / run / f"{benchmark}.jsonl", k)
            name = settings["graders"][benchmark]
            scores[benchmark] = score = grade_benchmark(
                pairs, k, name, alternatives.get(benchmark, []), folder / f"{benchmark}.parquet"
            )
            shown = score["status"]
            if shown == "graded":
                shown = f"avg@{k} {score['avg_at_k']:.3f}, pass@{k} {score['pass_at_k'][str(k)]:.3f}"
            print(f"{benchmark}: {shown}")
        write_json(folder / "scores.json", scores)


def find_grader(benchmark: str, name: str | None) -> Grader:
    if name not in GRADERS:
        raise InputError(f"the grader of {benchmark} is {name!r}; give one of {', '.join(GRADERS)}")
    return GRADERS[name]


def pair_up(problems_file: Path, samples_file: Path, k: int) -> list[Pair]:
    """(problem, sample) in the order (problem, repeat); InputError unless every problem has repeats 0 to k-1."""
    for file, stage in ((problems_file, "prepare"), (samples_file, "sample")):
        if not file.is_file():
            raise InputError(f"{file} is missing; run the {stage} stage")
    problems, samples = list(read_jsonl(problems_file)), list(read_jsonl(samples_file))
    found = {(sample["id"], sample["repeat"]): sample for sample in samples}
    wanted = [(problem, (problem["id"], repeat)) for problem in problems for repeat in range(k)]
    if len(samples) != len(wanted) or found.keys() != {key for _, key in wanted}:
        raise InputError(
            f"{samples_file}: {len(samples)} samples are not {len(problems)} problems x {k}; rerun the sample stage"
        )
    return [(problem, found[key]) for problem, key in wanted]


def grade_benchmark(pairs: list[Pair], k: int, name: str, alternatives: list[str], file: Path) -> dict[str, Any]:
    """The benchmark's record in scores.json; writes its table unless its grader cannot run here."""
    size = {"problems": len(pairs) // k, "k": k, "rows": len(pairs)}
    if reason := GRADERS[name].unavailable():
        return {"status": f"not run: {reason}", **size}
    replies = [(problem, sample["text"]) for problem, sample in pairs]
    verdicts = GRADERS[name].grade(replies)
    not_run = {other: reason for other in alternatives if (reason := GRADERS[other].unavailable())}
    others = {other: GRADERS[other].grade(replies) for other in alternatives if other not in not_run}
    write_table(file, pairs, verdicts, others)
    correct = np.array([verdict.correct for verdict in verdicts])
    statuses = Counter(verdict.status for verdict in verdicts)
    return {
        "status": "graded",
        **size,
        "grader": name,
        "grader_version": GRADERS[name].version(),
        "avg_at_k": avg_at_k(correct.reshape(-1, k)),
        "pass_at_k": {str(j): pass_at_k(correct.reshape(-1, k), j) for j in range(1, k + 1)},
        "truncated": sum(sample["stop_reason"] == "length" for _, sample in pairs),
        "no_answer": statuses["no answer"],
        "timeouts": statuses["timeout"],
        "errors": sum(count for status, count in statuses.items() if status.startswith("error")),
        "statuses": dict(sorted(statuses.items())),
        "diversity": diversity([text for _, text in replies], [verdict.extracted for verdict in verdicts], k),
        "disagreement": {other: compare(correct, judged) for other, judged in others.items()},
        "alternatives": {
            other: f"not run: {not_run[other]}" if other in not_run else GRADERS[other].version()
            for other in alternatives
        },
    }


def compare(correct: np.ndarray, other: list[Verdict]) -> dict[str, int]:
    """On how many samples the primary grader and an alternative say right or wrong."""
    theirs = np.array([verdict.correct for verdict in other])
    return {
        "both_right": int((correct & theirs).sum()),
        "only_primary": int((correct & ~theirs).sum()),
        "only_alternative": int((~correct & theirs).sum()),
        "both_wrong": int((~correct & ~theirs).sum()),
    }


def write_table(file: Path, pairs: list[Pair], verdicts: list[Verdict], others: dict[str, list[Verdict]]) -> None:
    """Rows in the order (problem, repeat); the same bytes for the same verdicts. `level` is null where none is known."""
    columns = {
        "id": [sample["id"] for _, sample in pairs],
        "repeat": [sample["repeat"] for _, sample in pairs],
        "level": [problem.get("level") for problem, _ in pairs],
        "tokens": [sample["tokens"] for _, sample in pairs],
        "stop_reason": [sample["stop_reason"] for _, sample in pairs],
        "extracted": [verdict.extracted and verdict.extracted[:LONGEST_EXTRACT] for verdict in verdicts],
        "correct": [verdict.correct for verdict in verdicts],
        "status": [verdict.status for verdict in verdicts],
        **{f"correct_by_{name}": [verdict.correct for verdict in judged] for name, judged in others.items()},
    }
    schema = pyarrow.schema([*SCHEMA, *((f"correct_by_{name}", pyarrow.bool_()) for name in others)])
    pyarrow.parquet.write_table(pyarrow.table(columns, schema=schema), file, compression="zstd")


if __name__ == "__main__":
    run_stage(main)
