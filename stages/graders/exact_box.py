"""The grader that compares the last boxed answer of a sample with the gold as text."""

from typing import Any

from stages.graders.base import NO_ANSWER, Grade
from stages.text.boxed import last_boxed_answer


def grade(pairs: list[tuple[dict[str, Any], str]]) -> list[Grade]:
    """Correct if the boxed answer is the gold, character by character, spaces at the ends aside."""
    return [_grade(problem["answer"], text) for problem, text in pairs]


def _grade(gold: str, text: str) -> Grade:
    answer = last_boxed_answer(text)
    return NO_ANSWER if answer is None else Grade(answer, answer == gold.strip())
