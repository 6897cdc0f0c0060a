"""Grades lines of {"problem": {…}, "text": "…"}: `python -m stages.graders math_verify < pairs.jsonl`.

`problem` is a line of a benchmark's JSONL, `text` that of a sample. Prints a line a grade.
"""

import json
import sys
from typing import Any

from stages.common.command import run_stage
from stages.common.files import InputError, parse_json
from stages.graders.registry import GRADERS


def main(arguments: list[str]) -> None:
    if len(arguments) != 1 or arguments[0] not in GRADERS:
        raise InputError(f"usage: python -m stages.graders <{' | '.join(GRADERS)}> < pairs.jsonl")
    grader = GRADERS[arguments[0]]
    grader.version()
    if reason := grader.unavailable():
        raise InputError(reason)
    for one in grader.grade([pair_of(number, line) for number, line in enumerate(sys.stdin, 1)]):
        print(json.dumps(one._asdict(), ensure_ascii=False))


def pair_of(number: int, line: str) -> tuple[dict[str, Any], str]:
    try:
        pair = parse_json(line)
        return pair["problem"], pair["text"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"standard input, line {number}: not {{problem, text}} as JSON ({error})")


if __name__ == "__main__":
    run_stage(main)
