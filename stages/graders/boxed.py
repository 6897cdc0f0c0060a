"""The grader that compares a reply's last box with the gold as text."""

from typing import Any

from stages.boxes import last_box
from stages.graders.base import NO_ANSWER, Verdict


def grade(pairs: list[tuple[dict[str, Any], str]]) -> list[Verdict]:
    """Correct if the last box is the gold, character by character, spaces at its ends aside."""
    boxes = [(problem, last_box(reply)) for problem, reply in pairs]
    return [NO_ANSWER if box is None else Verdict(box, box == problem["answer"].strip()) for problem, box in boxes]
