"""Grades a run's samples: `.venv/eval/bin/python -m stages.grade <profile> <run>`. Needs no model and no server.

Reads results/<profile>/{plan/grade.json, data/eval, samples/<run>}, writes results/<profile>/grades/<run>/: a table
<benchmark>.parquet with a row a sample, without its text, and scores.json. Every sample stays in the denominator: no
answer, a hung grader, a crash count as wrong. A benchmark whose grader cannot run here gets `not run: <reason>` instead
of a score; the others are graded. Alternative graders grade the same samples beside the benchmark's own.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from stages.artifacts.grades import (
    ALTERNATIVE,
    SCORES,
    InstructionScore,
    NotRun,
    ReliabilityBin,
    Score,
    check_grades,
    write_table,
)
from stages.artifacts.samples import Sample, read_samples
from stages.common.command import expect, run_stage
from stages.common.files import InputError, output_folder, read_jsonl, write_json
from stages.graders.base import Grade
from stages.graders.registry import GRADERS
from stages.profile.plans.grade import GradePlan
from stages.statistics import Votes, avg_at_k, brier_score, expected_calibration_error, pass_at_k, reliability, votes
from stages.text.diversity import diversity

Pair = tuple[dict[str, Any], Sample]  # problem, sample
LONGEST_EXTRACT = 200  # characters of an answer that the table keeps; the text stays in samples/


def main(arguments: list[str]) -> None:
    expect(arguments, "stages.grade <profile> <run>")
    results, run = Path("results") / arguments[0], arguments[1]
    plan = GradePlan.read(results / "plan" / "grade.json")
    for benchmark in plan.samples:
        for name in [plan.graders.get(benchmark), *plan.alternatives.get(benchmark, [])]:
            check_grader(benchmark, name)
    scores = {}
    with output_folder(results / "grades" / run, lambda folder: check_grades(folder, plan.samples, run)) as folder:
        for benchmark, k in plan.samples.items():
            pairs = pairs_of(results / "data" / "eval", results / "samples" / run, benchmark, k, plan.limits)
            grader, alternatives = plan.graders[benchmark], plan.alternatives.get(benchmark, [])
            score = grade_benchmark(pairs, k, grader, alternatives, folder / f"{benchmark}.parquet")
            scores[benchmark] = score.model_dump(exclude_none=True)
            print(f"{benchmark}: {shown(score)}")
        write_json(folder / SCORES, scores)


def shown(score: Score | NotRun) -> str:
    if isinstance(score, NotRun):
        return score.status
    return f"avg@{score.k} {score.avg_at_k:.3f}, pass@{score.k} {score.pass_at_k[str(score.k)]:.3f}"


def check_grader(benchmark: str, name: str | None) -> None:
    if name not in GRADERS:
        raise InputError(f"the grader of {benchmark} is {name!r}; give one of {', '.join(GRADERS)}")


def pairs_of(problems: Path, samples: Path, benchmark: str, k: int, limits: dict[str, dict[str, int]]) -> list[Pair]:
    """The benchmark's file in both folders, paired. Each problem has its limits, the benchmark's and its own over them, and
    the folder of the files that a grader reads.
    """
    file, of_benchmark, files = f"{benchmark}.jsonl", limits.get(benchmark, {}), str(problems / "files")
    return [
        ({**problem, "limits": of_benchmark | problem.get("limits", {}), "files": files}, sample)
        for problem, sample in pair_up(problems / file, samples / file, k)
    ]


def pair_up(problems_file: Path, samples_file: Path, k: int) -> list[Pair]:
    """(problem, sample) in the order (problem, repeat); InputError unless every problem has repeats 0 to k-1."""
    if not problems_file.is_file():
        raise InputError(f"{problems_file} is missing; run stage prepare (dvc repro does)")
    problems, samples = list(read_jsonl(problems_file)), list(read_samples(samples_file))
    found = {(sample.id, sample.repeat): sample for sample in samples}
    wanted = [(problem, (problem["id"], repeat)) for problem in problems for repeat in range(k)]
    if len(samples) != len(wanted) or found.keys() != {key for _, key in wanted}:
        raise InputError(
            f"{samples_file}: {len(samples)} samples are not {len(problems)} problems x {k}; rerun the sample stage"
        )
    return [(problem, found[key]) for problem, key in wanted]


def grade_benchmark(pairs: list[Pair], k: int, name: str, alternatives: list[str], file: Path) -> Score | NotRun:
    """The benchmark's record in scores.json; writes its table unless its grader cannot run here."""
    problems = len(pairs) // k
    if reason := GRADERS[name].unavailable():
        return NotRun(status=f"not run: {reason}", problems=problems, k=k, rows=len(pairs))
    texts = [(problem, sample.text) for problem, sample in pairs]
    grades = GRADERS[name].grade(texts)
    not_run = {other: reason for other in alternatives if (reason := GRADERS[other].unavailable())}
    others = {other: GRADERS[other].grade(texts) for other in alternatives if other not in not_run}
    write_table(file, table_of(pairs, grades, others))
    correct = np.array([grade.correct for grade in grades])
    statuses = Counter(grade.status for grade in grades)
    answers = [grade.extracted for grade in grades]
    vote = votes(answers, correct.tolist(), k)
    return Score(
        status="graded",
        problems=problems,
        k=k,
        rows=len(pairs),
        grader=name,
        grader_version=GRADERS[name].version(),
        avg_at_k=avg_at_k(correct.reshape(-1, k)),
        pass_at_k={str(j): pass_at_k(correct.reshape(-1, k), j) for j in range(1, k + 1)},
        truncated=sum(sample.stop_reason == "length" for _, sample in pairs),
        no_answer=statuses["no answer"],
        timeouts=statuses["timeout"],
        errors=sum(count for status, count in statuses.items() if status.startswith("error")),
        statuses=dict(sorted(statuses.items())),
        diversity=diversity([text for _, text in texts], answers, correct.tolist(), k),
        **calibration(vote),
        disagreement={other: compare(correct, theirs) for other, theirs in others.items()},
        alternatives={
            other: f"not run: {not_run[other]}" if other in not_run else GRADERS[other].version()
            for other in alternatives
        },
        instruction_level=instruction_level({name: grades, **others}, k),
    )


def calibration(vote: Votes) -> dict[str, Any]:
    """The fields of the record that tell of the vote over each problem's samples; none where there was no vote."""
    if not len(vote.right):
        return {}
    errors = {"expected_calibration_error": expected_calibration_error(vote), "brier_score": brier_score(vote)}
    return {
        "calibration": errors,
        "reliability": [ReliabilityBin(**part._asdict()) for part in reliability(vote)],
    }


def instruction_level(grades: dict[str, list[Grade]], k: int) -> dict[str, InstructionScore] | None:
    """Grader -> its score of instructions, each weighing the same; of those graders that judge instructions."""
    found = {}
    for name, judged in grades.items():
        if judged[0].parts:
            repeats = [[grade.parts for grade in judged[start : start + k]] for start in range(0, len(judged), k)]
            followed = np.concatenate([np.array(one).T for one in repeats])  # [instructions, k]
            found[name] = InstructionScore(
                instructions=len(followed),
                avg_at_k=avg_at_k(followed),
                pass_at_k={str(j): pass_at_k(followed, j) for j in range(1, k + 1)},
            )
    return found or None


def compare(correct: np.ndarray, other: list[Grade]) -> dict[str, int]:
    """On how many samples the primary grader and an alternative say right or wrong."""
    theirs = np.array([grade.correct for grade in other])
    return {
        "both_right": int((correct & theirs).sum()),
        "only_primary": int((correct & ~theirs).sum()),
        "only_alternative": int((~correct & theirs).sum()),
        "both_wrong": int((~correct & ~theirs).sum()),
    }


def table_of(pairs: list[Pair], grades: list[Grade], others: dict[str, list[Grade]]) -> dict[str, list[Any]]:
    """Column -> its values, rows in the order (problem, repeat). `level` is empty where none is known."""
    return {
        "id": [sample.id for _, sample in pairs],
        "repeat": [sample.repeat for _, sample in pairs],
        "level": [problem.get("level") for problem, _ in pairs],
        "tokens": [sample.tokens for _, sample in pairs],
        "stop_reason": [sample.stop_reason for _, sample in pairs],
        "extracted": [grade.extracted and grade.extracted[:LONGEST_EXTRACT] for grade in grades],
        "correct": [grade.correct for grade in grades],
        "status": [grade.status for grade in grades],
        **{f"{ALTERNATIVE}{name}": [grade.correct for grade in theirs] for name, theirs in others.items()},
    }


if __name__ == "__main__":
    run_stage(main)
