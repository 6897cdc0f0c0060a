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
from typing import Any

from stages.answers.literal import gold_reading
from stages.answers.reading import Quantity
from stages.answers.values import CONTEXT, constant, equal_decimals, variables
from stages.common.files import InputError
from stages.graders.base import NO_ANSWER, Grade
from stages.graders.by_value import Task, decided, task_of
from stages.graders.workers import Unfinished, call_in_workers

PINNED = {"math-verify": "0.9.0", "antlr4-python3-runtime": "4.13.2"}  # another antlr changes grades, silently


def version() -> str:
    """InputError if a package that changes grades is not the pinned one."""
    for package, pinned in PINNED.items():
        if installed(package) != pinned:
            raise InputError(f"{package} is {installed(package)}, not {pinned}; rebuild the evaluation environment")
    return f"stages/answers, math-verify {PINNED['math-verify']}, antlr {PINNED['antlr4-python3-runtime']}"


def grade(pairs: list[tuple[dict[str, Any], str]]) -> list[Grade]:
    """Equal tasks are compared once. Raises InputError if a gold is empty."""
    tasks = [task_of(problem, text) for problem, text in pairs]
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
