r"""Grades mathematical answers by what stages/answers reads in them; what that cannot read is wrong.

It is the grader math_verify without math-verify, and needs no process of its own: training can use it as its reward.
"""

from typing import Any, NamedTuple

from stages.answers.equality import same, stated_sides
from stages.answers.formula import BARE_WORD, Unreadable
from stages.answers.literal import gold_reading, same_text
from stages.answers.reading import Bracketed, Quantity, Reading, Relation, Union, read
from stages.answers.spelling import spelled
from stages.answers.stated import stated_answer
from stages.answers.values import CONTEXT, constant, inexact, is_real, variables
from stages.common.files import InputError
from stages.graders.base import NO_ANSWER, Grade
from stages.text.boxed import last_boxed_answer


class Task(NamedTuple):
    """Everything that a grade depends on. A tolerance is None where none is stated."""

    gold: str
    answer: str
    relative_tolerance: float | None = None
    absolute_tolerance: float | None = None


def grade(pairs: list[tuple[dict[str, Any], str]]) -> list[Grade]:
    """The gold is `answer` of the problem. Raises InputError if a gold is empty."""
    return [_grade(task_of(problem, text)) for problem, text in pairs]


def _grade(task: Task | None) -> Grade:
    return NO_ANSWER if task is None else decided(task) or Grade(task.answer, False)


def task_of(problem: dict[str, Any], text: str) -> Task | None:
    """None if the text has no answer."""
    if not problem["answer"].strip():
        raise InputError(f"cannot read the gold {problem['answer']!r}; correct it in the prepare stage")
    answer = last_boxed_answer(text)
    if answer is None and "\\boxed" not in text:
        answer = stated_answer(text)
    tolerances = problem.get("relative_tolerance"), problem.get("absolute_tolerance")
    return None if answer is None else Task(problem["answer"], answer, *tolerances)


def decided(task: Task) -> Grade | None:
    """The grade without math-verify; None where only that might read the answer."""
    gold = gold_reading(task.gold)
    if gold is None:
        return Grade(task.answer, same_text(task.gold, task.answer))
    try:
        answer = read(task.answer)
        return Grade(task.answer, same(gold, answer) or within_tolerance(gold, answer, task))
    except Unreadable:
        return None if _worth_asking(gold, task.answer) else Grade(task.answer, False)


def _worth_asking(gold: Reading, answer: str) -> bool:
    """Of formulas and sets of numbers math-verify's reading is sound; of words, units and bases it is not."""
    if not answer.strip() or BARE_WORD.search(spelled(answer)) or "\\text" in spelled(answer):
        return False
    if isinstance(gold, Quantity):
        names = variables(gold.node)
        return not gold.unit and all(len(name) == 1 and name.islower() for name in names)
    return isinstance(gold, Bracketed | Union) and not _names(gold)


def _names(reading: Reading) -> set[str]:
    if isinstance(reading, Quantity):
        return variables(reading.node)
    return {name for part in getattr(reading, "parts", ()) for name in _names(part)}


def within_tolerance(gold: Reading, answer: Reading, task: Task) -> bool:
    if task.relative_tolerance is None and task.absolute_tolerance is None:
        return False
    expected, given = _number(gold), _number(answer)
    if expected is None or given is None:
        return False
    apart = abs(given - expected)
    relative = task.relative_tolerance is not None and apart <= task.relative_tolerance * abs(expected)
    absolute = task.absolute_tolerance is not None and apart <= task.absolute_tolerance
    return relative or absolute


def _number(reading: Reading) -> float | None:
    """The real number that an answer states, if it states one."""
    if isinstance(reading, Relation):
        sides = stated_sides(reading)
        return _number(sides[0]) if len(sides) == 1 else None
    if not isinstance(reading, Quantity) or variables(reading.node):
        return None
    value = constant(reading.node)
    return float(CONTEXT.re(inexact(value))) if is_real(value) else None
