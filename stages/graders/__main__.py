"""Grades lines of {"problem": {…}, "reply": "…"}: `python -m stages.graders math_verify < pairs.jsonl`."""

import json
import sys

from stages.files import InputError
from stages.graders import GRADERS
from stages.stage import run_stage


def main(arguments: list[str]) -> None:
    if len(arguments) != 1 or arguments[0] not in GRADERS:
        raise InputError(f"usage: python -m stages.graders <{' | '.join(GRADERS)}> < pairs.jsonl")
    grader = GRADERS[arguments[0]]
    grader.version()
    if reason := grader.unavailable():
        raise InputError(reason)
    pairs = [json.loads(line) for line in sys.stdin]
    for verdict in grader.grade([(pair["problem"], pair["reply"]) for pair in pairs]):
        print(json.dumps(verdict._asdict(), ensure_ascii=False))


if __name__ == "__main__":
    run_stage(main)
