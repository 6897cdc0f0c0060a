r"""Grades mathematical answers by what they say: two spellings of one value are one answer.

The answer is the last boxed one that is not empty; without any box, what the sample says after "the answer is" or
"Answer:". A number that merely comes last is no answer, and a last box that is cut off is none either.

Gold and answer are read by stages/answers, which takes an answer to its last character or not at all, and decides by
value. Accepted are the usual ways to write a value: a final full stop, `**58**`, `\text{Answer: }12`, `7\text{ cm}`,
`75^\circ`, `\$18`, percent, thousands (`11,450`, `11\,450`, `11{,}450`), powers of ten (`4.5e33`, `4.5 \times 10^{33}`),
mixed numbers, full-width digits, Unicode signs, `np.arcsin`, "x = …", "a and b", ±, intervals as inequalities.
docs/answers.md lists them all, and what is refused on purpose, with the reasons. A gold that is no formula is compared
as text (stages/answers/literal.py).

What stages/answers cannot read in an answer (an integral, a sum, a difference of sets) is given to math-verify with
nothing cut away: no units, no number out of the middle. That can take forever (`9^{9^{9^9}}`) or end the process, so it
happens in worker processes under a hard limit of time and memory (workers.py). What exceeds it is wrong, and counted by
its status.

A problem whose line has `relative_tolerance` or `absolute_tolerance` also accepts a number that near to its gold.
"""

from importlib.metadata import version as installed
from typing import Any, NamedTuple

from stages.answers.equality import same, stated_sides
from stages.answers.formula import BARE_WORD, Unreadable
from stages.answers.literal import gold_reading, same_text
from stages.answers.reading import Bracketed, Quantity, Reading, Relation, Union, read
from stages.answers.spelling import spelled
from stages.answers.stated import stated_answer
from stages.answers.values import CONTEXT, constant, equal_decimals, inexact, is_real, variables
from stages.common.files import InputError
from stages.graders.base import NO_ANSWER, Grade
from stages.graders.workers import Unfinished, call_in_workers
from stages.text.boxed import last_boxed_answer

PINNED = {"math-verify": "0.9.0", "antlr4-python3-runtime": "4.13.2"}  # another antlr changes grades, silently


class Task(NamedTuple):
    """Everything that a grade depends on. A tolerance is None where none is stated."""

    gold: str
    answer: str
    relative_tolerance: float | None = None
    absolute_tolerance: float | None = None


def version() -> str:
    """InputError if a package that changes grades is not the pinned one."""
    for package, pinned in PINNED.items():
        if installed(package) != pinned:
            raise InputError(f"{package} is {installed(package)}, not {pinned}; rebuild the evaluation environment")
    return f"stages/answers, math-verify {PINNED['math-verify']}, antlr {PINNED['antlr4-python3-runtime']}"


def grade(pairs: list[tuple[dict[str, Any], str]]) -> list[Grade]:
    """Equal tasks are compared once. Raises InputError if a gold is empty."""
    tasks = [_task(problem, text) for problem, text in pairs]
    grades: dict[Task, Grade] = {}
    hard = []
    for task in dict.fromkeys(task for task in tasks if task):
        if known := decided(task):
            grades[task] = known
        else:
            hard.append(task)
    for task, found in zip(hard, call_in_workers(compare, hard, load), strict=True):
        grades[task] = Grade(task.answer, False, found.status) if isinstance(found, Unfinished) else found
    return [grades[task] if task else NO_ANSWER for task in tasks]


def _task(problem: dict[str, Any], text: str) -> Task | None:
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


def load() -> None:
    import math_verify  # noqa: F401  takes a second


def compare(task: Task) -> Grade:
    """math-verify's grade, without any limit of time: call it in a worker."""
    from math_verify import verify

    gold = gold_reading(task.gold)
    answers = _parsed(task.answer)
    if isinstance(gold, Quantity) and not variables(gold.node):
        values = [value for one in answers if (value := _value(one)) is not None]
        return Grade(task.answer, bool(values) and equal_decimals(constant(gold.node), values[0]))
    golds = _parsed(task.gold)
    error = None
    try:
        correct = bool(verify(golds, answers, timeout_seconds=None, raise_on_error=True))
    except Exception as raised:  # sympy raises anything; another reading of the same answer may still match
        error = type(raised).__name__
        correct = bool(verify(golds, answers, timeout_seconds=None, raise_on_error=False))
    return Grade(task.answer, correct, "graded" if correct or error is None else f"error: {error}")


def _parsed(content: str) -> list[Any]:
    """math-verify's reading of the whole of a text; [] if it has none."""
    from latex2sympy2_extended.latex2sympy2 import NormalizationConfig
    from math_verify import parse
    from math_verify.parser import LatexExtractionConfig

    whole = NormalizationConfig(basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="all")
    config = LatexExtractionConfig(boxed_match_priority=0, normalization_config=whole)
    content = content.replace("$", "").removesuffix(".")
    found = parse(rf"\boxed{{{content}}}", [config], extraction_mode="first_match", parsing_timeout=None)
    return [one for one in found if not isinstance(one, str)]


def _value(expression: Any) -> Any:
    """The number that a sympy expression without variables is, in the digits of stages/answers; None of others."""
    expression = getattr(expression, "rhs", expression)  # of an equation, x = 5, the right side
    if not getattr(expression, "is_number", False):
        return None
    number = expression.doit().evalf(CONTEXT.dps)
    try:
        real, imaginary = number.as_real_imag()
        return CONTEXT.mpc(CONTEXT.mpf(str(real)), CONTEXT.mpf(str(imaginary)))
    except ValueError:  # an infinite one
        return None
