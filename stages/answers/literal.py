r"""Golds that are no formula: they are compared as text.

A gold is graded literally if `read` does not read it to its last character, or if its spelling lost a digit of it. Then
an answer is right if both are the same text but for spaces, delimiters, braces, upright fonts and a final full stop.
"""

import functools
import re

from stages.answers.formula import Unreadable
from stages.answers.reading import Reading, read
from stages.answers.spelling import spelled


@functools.lru_cache(maxsize=1 << 14)
def gold_reading(gold: str) -> Reading | None:
    """What a gold says; None if it is graded literally."""
    try:
        reading = read(gold)
    except Unreadable:
        return None
    return reading if digits(gold) == digits(spelled(gold)) else None


def same_text(gold: str, answer: str) -> bool:
    return literal(gold) == literal(answer)


def literal(text: str) -> str:
    return re.sub(r"\\text|[\s{}]", "", spelled(text))


def digits(text: str) -> list[str]:
    """The digits of a text, whatever their script, in their order."""
    return [str(int(character)) for character in text if character.isdecimal()]
