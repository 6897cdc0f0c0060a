r"""Grades mathematical answers with math-verify: two spellings of one value are one answer.

Gold and reply are handed over as `\boxed{…}`, and of the reply only the last box, since math-verify reads boxes that
stand close together as one set. A reply without a box counts if it says "the answer is …"; a number that merely
comes last in it does not. Comparing can take forever (`9^{9^{9^9}}`) or end the process: it happens in worker
processes under a hard limit of time and memory (workers.py), and what exceeds it is counted, as wrong.

A problem whose line has `relative_tolerance` or `absolute_tolerance` also accepts a number that near to its gold.
"""

import functools
import math
import re
from fractions import Fraction
from importlib.metadata import version as installed
from typing import Any, NamedTuple

from stages.boxes import last_box
from stages.files import InputError
from stages.graders.base import NO_ANSWER, Verdict
from stages.graders.workers import compare_in_workers

PINNED = {"math-verify": "0.9.0", "antlr4-python3-runtime": "4.13.2"}  # another antlr changes grades, silently
PLAIN_NUMBER = re.compile(
    r"(?P<sign>-?)(?:\\[dt]?frac\{(?P<above>[0-9]{1,15})\}\{(?P<below>[1-9][0-9]{0,14})\}"
    r"|(?P<digits>[0-9]{1,15}(?:\.[0-9]{1,15})?)(?: ?\\(?:times|cdot) ?10\^\{(?P<power>-?[0-9]{1,2})\})?)"
)
DECIMALS = 6  # to which math-verify rounds before it compares decimal numbers
SMALL = 1e-3  # below it, that rounding would leave less than three digits of a number
APART = Fraction(1, 10**5)  # numbers that differ by more are not equal to six decimals


class Task(NamedTuple):
    """Everything a verdict depends on. `reply` is empty where there is a box, the tolerances None where not stated."""

    gold: str
    box: str | None
    reply: str = ""
    relative_tolerance: float | None = None
    absolute_tolerance: float | None = None


def version() -> str:
    for package, pinned in PINNED.items():
        if installed(package) != pinned:
            raise InputError(f"{package} is {installed(package)}, not {pinned}; rebuild the evaluation environment")
    return f"math-verify {PINNED['math-verify']}, antlr {PINNED['antlr4-python3-runtime']}"


def grade(pairs: list[tuple[dict[str, Any], str]]) -> list[Verdict]:
    """Equal tasks are compared once."""
    tasks = []
    for problem, reply in pairs:
        box = last_box(reply)
        tolerances = problem.get("relative_tolerance"), problem.get("absolute_tolerance")
        tasks.append(Task(problem["answer"], box, reply if box is None else "", *tolerances))
    verdicts = {task: exact(task) for task in dict.fromkeys(tasks)}
    hard = [task for task, verdict in verdicts.items() if verdict is None]
    verdicts |= compare_in_workers(hard, compare, load)
    return [verdicts[task] for task in tasks]


@functools.lru_cache(maxsize=1 << 16)
def normalise_gold(gold: str) -> str:
    r"""Golds as data sets write them: `033` and `27.0` are integers, `336^\circ` is 336, `5.3e-9` a power of ten."""
    text = gold.strip().removeprefix("$").removesuffix("$").strip()
    text = re.sub(r"\s*\^\s*(\\circ|\{\s*\\circ\s*\})$", "", text)
    if number := re.fullmatch(r"([+-]?)0*(\d+)(?:\.0*)?", text):
        return f"{'-' if number[1] == '-' else ''}{number[2]}"
    return normalise_exponent(text)


def normalise_exponent(text: str) -> str:
    r"""`5.3e-9` as `5.3 \times 10^{-9}`; in LaTeX the e would be Euler's number."""
    number = re.fullmatch(r"([+-]?\d+(?:\.\d+)?)[eE]([+-]?\d+)", text.strip())
    return rf"{number[1]} \times 10^{{{int(number[2])}}}" if number else text


@functools.lru_cache(maxsize=1 << 16)
def plain_number(text: str) -> Fraction | None:
    r"""The value of `-12`, `0.5`, `\frac{1}{2}` or `5.3 \times 10^{-9}`; None of whatever else is written."""
    found = PLAIN_NUMBER.fullmatch(text)
    if not found:
        return None
    size = Fraction(found["digits"] or f"{found['above']}/{found['below']}") * Fraction(10) ** int(found["power"] or 0)
    return -size if found["sign"] else size


def exact(task: Task) -> Verdict | None:
    """The verdict where math-verify can have no other: plain numbers that are written alike, are integers, or differ."""
    if task.box is None:
        return None
    gold, box = normalise_gold(task.gold), normalise_exponent(task.box)
    expected, answer = plain_number(gold), plain_number(box)
    if expected is None or answer is None:
        return None
    if gold == box or within_tolerance(float(expected), float(answer), task):
        return Verdict(task.box, True)
    if gold.lstrip("-").isdigit() and box.lstrip("-").isdigit():
        return Verdict(task.box, expected == answer)
    apart = abs(expected - answer)
    if apart > APART or 0 < abs(expected) < SMALL and apart > APART * abs(expected):
        return Verdict(task.box, False)
    return None


def within_tolerance(gold: float, answer: float, task: Task) -> bool:
    relative = task.relative_tolerance is not None and abs(answer - gold) <= task.relative_tolerance * abs(gold)
    absolute = task.absolute_tolerance is not None and abs(answer - gold) <= task.absolute_tolerance
    return relative or absolute


def load() -> None:
    import math_verify  # noqa: F401  takes a second


def compare(task: Task) -> Verdict:
    """math-verify's verdict, without any limit of time: call it in a worker."""
    from math_verify import parse
    from math_verify.parser import ExprExtractionConfig, LatexExtractionConfig

    golds = _parse_box(normalise_gold(task.gold))
    if not golds:
        raise InputError(f"math-verify cannot read the gold {task.gold!r}; correct it in the prepare stage")
    if task.box is None:
        anchored = [LatexExtractionConfig(False, boxed_match_priority=-1), ExprExtractionConfig(False)]
        answers = parse(task.reply, anchored, parsing_timeout=None)
        if not answers:
            return NO_ANSWER
        extracted = str(answers[-1])
    else:
        answers, extracted = _parse_box(normalise_exponent(task.box)), task.box
    error = None
    try:
        correct = _verify(golds, answers, raise_on_error=True)
    except Exception as raised:  # sympy raises anything; another reading of the same answer may still match
        error, correct = type(raised).__name__, _verify(golds, answers, raise_on_error=False)
    if correct or task.relative_tolerance or task.absolute_tolerance:
        gold, answer = _number(golds), _number(answers)
        if gold is not None and answer is not None:
            digits = not 0 < abs(gold) < SMALL or _same_digits(gold, answer)
            correct = correct and digits or within_tolerance(gold, answer, task)
    return Verdict(extracted, correct, "graded" if correct or error is None else f"error: {error}")


def _verify(golds: list[Any], answers: list[Any], raise_on_error: bool) -> bool:
    from math_verify import verify

    return bool(verify(golds, answers, timeout_seconds=None, raise_on_error=raise_on_error))


@functools.lru_cache(maxsize=1 << 12)
def _parse_box(content: str) -> list[Any]:
    from math_verify import parse

    return parse(rf"\boxed{{{content}}}", parsing_timeout=None)


def _number(readings: list[Any]) -> float | None:
    """The real number that math-verify read, if it read one."""
    for reading in readings:
        reading = getattr(reading, "rhs", reading)  # of an equation, x = 5, the right side
        if getattr(reading, "is_number", False):
            try:
                return float(reading.doit())
            except (TypeError, ValueError, OverflowError):  # a complex or infinite one
                return None
    return None


def _same_digits(gold: float, answer: float) -> bool:
    """math-verify rounds to six decimals and so takes 0.0 for 5.3e-9; of a small number they count from its first."""
    scale = 10.0 ** math.floor(math.log10(abs(gold)))
    return round(answer / scale, DECIMALS) == round(gold / scale, DECIMALS)
