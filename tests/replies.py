"""Replies in the style of models to problems of code benchmarks, and what the benchmarks' own harnesses said of them."""

import csv
import json
from typing import Any, NamedTuple

import yaml

from stages.datasets.livecodebench import line_of
from stages.datasets.readers.code import humaneval
from stages.datasets.readers.evalplus import humanevalplus, mbppplus
from tests.project import ROOT

FOLDER = ROOT / "tests/fixtures/programs"
READERS = {"humaneval": humaneval, "humanevalplus": humanevalplus, "mbppplus": mbppplus, "livecodebench": line_of}
ASKED = {"humaneval": ["humaneval", "humanevalplus"], "mbppplus": ["mbppplus"], "livecodebench": ["livecodebench"]}


class Reply(NamedTuple):
    """One reply to one problem of one benchmark. HumanEval's problems are also HumanEval+'s."""

    benchmark: str
    problem: str
    name: str
    text: str
    right: bool  # whether its program is, by its author
    differs: str  # why the official verdict is another than ours, a key of `reasons()`; "" where it is not

    @property
    def key(self) -> tuple[str, str, str]:
        return self.benchmark, self.problem, self.name


class Official(NamedTuple):
    """What a harness says of a reply, None where it has no rule for replies, and of the program that is found here."""

    reply: bool | None
    program: bool

    @property
    def verdict(self) -> bool:
        return self.program if self.reply is None else self.reply


def replies() -> list[Reply]:
    """In the order of the files."""
    found = []
    for source, benchmarks in ASKED.items():
        for entry in yaml.safe_load((FOLDER / f"replies/{source}.yaml").read_text(encoding="utf-8")):
            differs = entry.get("differs", {})
            found += [
                Reply(one, entry["problem"], entry["name"], entry["text"], entry["right"], differs.get(one, ""))
                for one in benchmarks
            ]
    return found


def reasons() -> dict[str, str]:
    """Why official verdicts are others than ours: key -> a sentence."""
    return yaml.safe_load((FOLDER / "reasons.yaml").read_text(encoding="utf-8"))


def rows() -> dict[tuple[str, str], dict[str, Any]]:
    """(benchmark, problem) -> the row of the benchmark's file."""
    found = {}
    for benchmark in READERS:
        for line in (FOLDER / f"{benchmark}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found[benchmark, row.get("task_id") or row["question_id"]] = row
    return found


def problem_of(benchmark: str, row: dict[str, Any]) -> dict[str, Any]:
    """The line that graders get, without the limits of its benchmark."""
    return {"source": benchmark, **READERS[benchmark](row)}


def official() -> dict[tuple[str, str, str], Official]:
    """Reply.key -> what perf/harnesses.py wrote down."""
    with (FOLDER / "official.csv").open(encoding="utf-8", newline="") as stream:
        return {
            (row["benchmark"], row["problem"], row["name"]): Official(
                None if row["reply"] == "no rule" else row["reply"] == "passed", row["program"] == "passed"
            )
            for row in csv.DictReader(stream)
        }
