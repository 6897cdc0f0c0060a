r"""What a whole answer says: words, a choice, a number in a base, a quantity, a list, a point or interval, a matrix, an equation.

    52_8                      Based         3\text{ cm}, 8\%, x+1     Quantity
    \text{Evelyn}             Words         1, 2 and 3; \{1,2\}; 1±2  Listed, in any order
    \text{(C)}                Choice        (1,2), (1,2], \langle…    Bracketed, in this order
    MR=SRMC                   Named         \begin{pmatrix}…          Matrix
    x=1, x \in […], 1<x\le 2  Relation      A \cup B                  Union

`read` raises Unreadable for a text that is none of these to its last character.
"""

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stages.answers.formula import LONGEST, OPEN, Node, Unreadable, formula
from stages.answers.spelling import matching, spelled, without_stop
from stages.answers.units import PERCENT, Unit, measured

BASED = re.compile(
    r"\(?\s*([0-9][0-9A-Z]*)\s*\)?\s*(?:_\s*(?:\{\s*\(?\s*(?:\\text\{\s*base\s*\}\s*)?(\d{1,2})\s*\)?\s*\}|(\d{1,2}))"
    r"|\\text\{\s*\(?\s*(?:in\s+)?base\s*(\d{1,2})\s*\)?\s*\}|\(?\s*(?:\\text\{)?\s*(?:in\s+)?base\s*\}?\s*(\d{1,2})\s*\)?)"
)
CHOICE = re.compile(r"\(\s*([A-Za-z])\s*\)(?:\s+[^+*/^=].*)?|([A-Z])\s*\)|(?:[Oo]ption|[Cc]hoice)\s*\(?([A-Z])\)?")
ONE_NUMBER_WITH_COMMAS = re.compile(r"[^,]*?(?<![\d.,])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])[^,]*")
MIXED = re.compile(r"(-?)\s*(\d+) (\d+)\s*/\s*(\d+)")
SPACED = re.compile(r"([+-]?)(\d{1,3}(?: \d{3})+)(\.\d+)?")
MATRIX = re.compile(r"\\begin \{([pbvBV]?matrix|array)\}(?:\s*\{[lcr|\s]*\})?(.*)\\end \{\1\}", re.DOTALL)
BUILDER = re.compile(r"\s*\\?[A-Za-z]+\s*(?:\\in \\mathbb\s*\{?\s*R\s*\}?\s*)?[|:](.*)")  # {x : x > 2}
SIGN = re.compile(r"\\(?:le|ge|ne|in|approx|equiv|sim)(?![A-Za-z])|<=|>=|[=<>]")
SIGNS = {"<=": r"\le", ">=": r"\ge", r"\sim": r"\approx"}
NAMED = re.compile(r"\s*(?:\\text\{\s*)?([A-Z]{2,})(?:\s*\})?\s*=\s*(?:\\text\{\s*)?([A-Z]{2,})(?:\s*\})?\s*")
CLOSE = {")", "]", r"\}", "}", r"\rfloor", r"\rceil", r"\rangle"}
TOKEN = re.compile(r"\\(?:[A-Za-z]+|.)|.", re.DOTALL)


@dataclass(frozen=True)
class Words:
    """Letters and digits of a text that is no formula, in lower case and without an article before them."""

    text: str


@dataclass(frozen=True)
class Choice:
    letter: str


@dataclass(frozen=True)
class Named:
    """An equation of two names in capitals, in any order."""

    names: frozenset[str]


@dataclass(frozen=True)
class Based:
    """Digits in a base that is written with them."""

    digits: str
    base: int


@dataclass(frozen=True)
class Quantity:
    node: Node
    unit: Unit = ()

    @property
    def percent(self) -> bool:
        return self.unit == ((PERCENT, 1),)


@dataclass(frozen=True)
class Listed:
    """Parts in any order, as many times as they stand."""

    parts: tuple["Reading", ...]


@dataclass(frozen=True)
class Bracketed:
    """A point, a vector or an interval: brackets count, and the order."""

    opening: str
    parts: tuple["Reading", ...]
    closing: str


@dataclass(frozen=True)
class Matrix:
    rows: tuple[tuple["Reading", ...], ...]


@dataclass(frozen=True)
class Relation:
    r"""Sides with the signs between them: =, <, >, \le, \ge, \ne, \in, \approx."""

    sides: tuple["Reading", ...]
    signs: tuple[str, ...]


@dataclass(frozen=True)
class Union:
    """Sets in any order."""

    parts: tuple["Reading", ...]


Reading = Words | Choice | Named | Based | Quantity | Listed | Bracketed | Matrix | Relation | Union


@functools.lru_cache(maxsize=1 << 14)
def read(text: str) -> Reading:
    """What `text`, as somebody wrote it, says."""
    if len(text) > LONGEST:
        raise Unreadable("too long")
    return _read(spelled(text))


def _read(text: str) -> Reading:
    text = _unbraced(without_stop(text))
    if not text:
        raise Unreadable("empty")
    if found := NAMED.fullmatch(text):
        return Named(frozenset(found.groups()))
    for reader in READERS:
        if (reading := reader(text)) is not None:
            return reading
    return _quantity(text)


def _choice(text: str) -> Choice | None:
    found = CHOICE.fullmatch(re.sub(r"\\text\{([^{}]*)\}", r"\1", text).strip())
    return Choice(next(filter(None, found.groups())).upper()) if found else None


def _words(text: str) -> Words | None:
    r"""`\text{Evelyn}`, `Evelyn`; a word of three letters or more that is no formula."""
    inner = re.fullmatch(r"\\text\{([^{}]*)\}", text)
    bare = re.fullmatch(r"[A-Za-z][a-z]{2,}(?:[ '-]+[A-Za-z]+)*", text)
    if not (inner and re.search(r"[A-Za-z]{2}", inner[1])) and not bare:
        return None
    letters = re.sub(r"[^a-z0-9]+", " ", (inner[1] if inner else text).lower()).strip()
    letters = re.sub(r"^(?:an?|the) ", "", letters)
    return Words(letters) if letters else None


def _based(text: str) -> Based | None:
    found = BASED.fullmatch(text)
    if not found:
        return None
    digits, base = found[1].lstrip("0") or "0", int(next(filter(None, found.groups()[1:])))
    if not 2 <= base <= 36 or any(int(digit, 36) >= base for digit in digits):
        raise Unreadable(f"no digits of base {base}")
    return Based(digits, base)


def _matrix(text: str) -> Matrix | None:
    text = (
        text[1:-1].strip()
        if re.fullmatch(r"[(\[]\s*\\begin.*\\end \{(?:matrix|array)\}\s*[)\]]", text, re.DOTALL)
        else text
    )
    found = MATRIX.fullmatch(text)
    if not found:
        return None
    rows = [row for row in re.split(r"\\\\", found[2]) if row.strip()]
    cells = tuple(tuple(_read(cell) for cell in row.split("&")) for row in rows)
    if len({len(row) for row in cells}) != 1:
        raise Unreadable("rows of different lengths")
    return Matrix(cells)


def _union(text: str) -> Union | None:
    parts = split(text, r"\cup")
    if len(parts) < 2 or (SIGN.search(parts[0]) and not SIGN.search(parts[1])):
        return None
    return Union(tuple(map(_read, parts)))


def _list(text: str) -> Listed | Relation | None:
    for separator in (";", ","):
        if separator == "," and (ONE_NUMBER_WITH_COMMAS.fullmatch(text) or MATRIX.search(text)):
            continue
        parts = split(text, separator)
        if len(parts) > 1 and all(part.strip() for part in parts):
            return Listed(tuple(flattened(map(_read, parts))))
    if text.startswith(r"\{") and text.endswith(r"\}") and _one_group(text, r"\{"):
        builder = BUILDER.fullmatch(text[2:-2])
        inner = _read(builder[1] if builder else text[2:-2])
        if builder:
            return inner if isinstance(inner, Relation) else None
        return inner if isinstance(inner, Listed) else Listed((inner,))
    if text.count(r"\pm") + text.count(r"\mp") == 1:
        plus = text.replace(r"\pm", "+").replace(r"\mp", "-")
        minus = text.replace(r"\pm", "-").replace(r"\mp", "+")
        return Listed(tuple(flattened((_read(plus), _read(minus)))))
    return None


def flattened(parts: Iterable[Reading]) -> list[Reading]:
    """Lists within a list are its parts: 1±2, 5."""
    return [one for part in parts for one in (part.parts if isinstance(part, Listed) else (part,))]


def _bracketed(text: str) -> Bracketed | None:
    text = re.sub(r"^\\langle\s*(.*)\\rangle$", r"(\1)", text)
    if not (text and text[0] in "([" and text[-1] in ")]" and _one_group(text, text[0])):
        return None
    parts = split(text[1:-1], ",")
    if len(parts) < 2:
        return None
    return Bracketed(text[0], tuple(map(_read, parts)), text[-1])


def _relation(text: str) -> Relation | None:
    places = [found for found in SIGN.finditer(text) if _depth(text[: found.start()]) == 0]
    if not places:
        return None
    edges = [0, *(place for found in places for place in found.span()), len(text)]
    sides = [text[edges[at] : edges[at + 1]].strip() for at in range(0, len(edges), 2)]
    signs = tuple(SIGNS.get(found[0], found[0]) for found in places)
    if signs[0] == r"\approx" and not sides[0]:  # "≈ 5" is 5
        sides, signs = sides[1:], signs[1:]
    if not signs:
        return None if sides[0] == text else Relation((_read(sides[0]),), ())
    return Relation(tuple(map(_read, sides)), signs)


def _quantity(text: str) -> Quantity:
    number, unit = measured(text)
    if found := MIXED.fullmatch(number):
        number = rf"{found[1]}({found[2]}+\frac{{{found[3]}}}{{{found[4]}}})"
    elif found := SPACED.fullmatch(number):
        number = found[1] + found[2].replace(" ", "") + (found[3] or "")
    return Quantity(formula(number), unit)


READERS: tuple[Callable[[str], Reading | None], ...] = (
    *(_choice, _words, _based, _matrix, _union, _list, _bracketed, _relation),
)


def split(text: str, separator: str) -> list[str]:
    """The parts of `text` between separators that stand in no bracket."""
    parts, depth, start, at = [], 0, 0, 0
    for found in TOKEN.finditer(text):
        depth += _step(found[0])
        if depth == 0 and found[0] == separator:
            parts.append(text[start : found.start()])
            start = found.end()
        at = found.end()
    return [*parts, text[start:at]]


def _step(token: str) -> int:
    return 1 if token in OPEN or token == r"\langle" else -1 if token in CLOSE else 0


def _depth(text: str) -> int:
    return sum(_step(found[0]) for found in TOKEN.finditer(text))


def _one_group(text: str, opening: str) -> bool:
    """Whether the bracket that `text` starts with closes at its end."""
    depth = 0
    for found in TOKEN.finditer(text):
        depth += _step(found[0])
        if depth == 0:
            return found.end() == len(text)
    return False


def _unbraced(text: str) -> str:
    while text.startswith("{") and matching(text, 0) == len(text) - 1:
        text = without_stop(text[1:-1])
    return text
