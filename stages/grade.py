"""Grades a run's samples: `.venv/eval/bin/python -m stages.grade <profile> <run>`. Needs no model and no server.

Reads results/<profile>/{plan/grade.json, data/eval, samples/<run>}, writes results/<profile>/grades/<run>/: one JSONL
line a sample, and scores.json. Every sample stays in the denominator: no answer, a hung grader, a crash count as wrong.
A benchmark whose grader cannot run here gets `not run: <reason>` instead of a score; the others are graded.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from stages.files import InputError, output_folder, read_json, read_jsonl, write_json, write_jsonl
from stages.graders import GRADERS
from stages.graders.base import Grader
from stages.stage import run_stage
from stages.statistics import avg_at_k, pass_at_k


def main(arguments: list[str]) -> None:
    if len(arguments) != 2:
        raise InputError("usage: python -m stages.grade <profile> <run>")
    results, run = Path("results") / arguments[0], arguments[1]
    plan = results / "plan" / "grade.json"
    if not plan.is_file():
        raise InputError(f"{plan} is missing; run `dvc repro`, which writes it")
    settings = read_json(plan)["settings"]
    chosen = {benchmark: find_grader(benchmark, settings["graders"]) for benchmark in settings["samples"]}
    scores = {}
    with output_folder(results / "grades" / run) as folder:
        for benchmark, k in settings["samples"].items():
            name = settings["graders"][benchmark]
            pairs = pair_up(
                results / "data" / "eval" / f"{benchmark}.jsonl", results / "samples" / run / f"{benchmark}.jsonl", k
            )
            if reason := chosen[benchmark].unavailable():
                scores[benchmark] = {
                    "status": f"not run: {reason}",
                    "problems": len(pairs) // k,
                    "k": k,
                    "rows": len(pairs),
                }
                print(f"{benchmark}: not run: {reason}")
                continue
            rows = grade_samples(pairs, name, chosen[benchmark])
            write_jsonl(folder / f"{benchmark}.jsonl", rows)
            scores[benchmark] = score = summarise(rows, k)
            print(f"{benchmark}: avg@{k} {score['avg_at_k']:.3f}, pass@{k} {score['pass_at_k'][str(k)]:.3f}")
        write_json(folder / "scores.json", scores)


def find_grader(benchmark: str, names: dict[str, str]) -> Grader:
    name = names.get(benchmark)
    if name not in GRADERS:
        raise InputError(f"graders.{benchmark} is {name!r}; give one of {', '.join(GRADERS)}")
    return GRADERS[name]


def pair_up(problems_file: Path, samples_file: Path, k: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
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


def grade_samples(
    pairs: list[tuple[dict[str, Any], dict[str, Any]]], name: str, grader: Grader
) -> list[dict[str, Any]]:
    version = grader.version()
    verdicts = grader.grade([(problem, sample["text"]) for problem, sample in pairs])
    return [
        {
            "id": sample["id"],
            "repeat": sample["repeat"],
            **({"level": problem["level"]} if "level" in problem else {}),
            "text": sample["text"],
            "tokens": sample["tokens"],
            "stop_reason": sample["stop_reason"],
            "extracted": verdict.extracted,
            "correct": verdict.correct,
            "grader": name,
            "grader_version": version,
            "status": verdict.status,
        }
        for (problem, sample), verdict in zip(pairs, verdicts, strict=True)
    ]


def summarise(rows: list[dict[str, Any]], k: int) -> dict[str, Any]:
    """Scores of rows in the order (problem, repeat), k of them a problem."""
    correct = np.array([row["correct"] for row in rows]).reshape(-1, k)
    statuses = Counter(row["status"] for row in rows)
    return {
        "status": "graded",
        "problems": len(correct),
        "k": k,
        "rows": len(rows),
        "avg_at_k": avg_at_k(correct),
        "pass_at_k": {str(j): pass_at_k(correct, j) for j in range(1, k + 1)},
        "truncated": sum(row["stop_reason"] == "length" for row in rows),
        "no_answer": statuses["no answer"],
        "timeouts": statuses["timeout"],
        "errors": sum(count for status, count in statuses.items() if status.startswith("error")),
    }


if __name__ == "__main__":
    run_stage(main)
