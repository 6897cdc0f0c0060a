r"""Whether an answer is the gold, as Qwen2.5-Math decides it: the first of these that says yes.

The same text, with case and spaces around it aside; the gold's letter of a choice; two numbers within 1e-4 of each other, or of a
hundredth or a hundred times of the gold; the same text without brackets; equal parts of a tuple, an interval or a matrix; an
equation whose one side is a name; two formulas that SymPy finds equal (formula.py).
"""

import re
from math import isclose

from stages.graders.qwen.formula import CLOSE, same_formula

CHOICES = ("A", "B", "C", "D", "E")
BRACKETED = re.compile(r"[(\[].+[)\]]")  # where it begins; what follows it does not matter
LONGEST_NAME = 2  # characters before an equality sign that name a quantity
MATRIX_BEGINS = (r"\begin{pmatrix}", r"\begin{bmatrix}")
MATRIX_ENDS = (r"\end{pmatrix}", r"\end{bmatrix}")


def equal(answer: str, gold: str) -> bool:
    """May take for ever: call it in a worker."""
    known = decided(answer, gold)
    if known is not None:
        return known
    answer, gold = answer.strip(), gold.strip()
    if "pmatrix" in answer and "pmatrix" not in gold:
        gold = _as_matrices(gold)
    if _without_brackets(answer, gold) or _equal_parts(answer, gold) or _equal_matrices(answer, gold):
        return True
    return _equal_equations(answer, gold) or same_formula(answer, gold)


def decided(answer: str, gold: str) -> bool | None:
    """What texts and numbers alone decide, at once; None where they do not."""
    if answer.strip().lower() == gold.strip().lower():
        return True
    if gold in CHOICES and chosen(answer) == gold:
        return True
    given, expected = number(answer), number(gold)
    if given is not None and expected is not None:
        return any(isclose(given, one, rel_tol=CLOSE) for one in (expected / 100, expected, expected * 100))
    return None if answer else False


def chosen(answer: str) -> str:
    """The last letter of a choice in an answer; the answer, tidied, where there is none."""
    text = answer.strip("\n").rstrip(".").rstrip("/").strip(" ").lstrip(":")
    letters = re.findall(r"\b(A|B|C|D|E)\b", text.upper())
    return (letters[-1] if letters else text.strip().strip(".")).rstrip(".").rstrip("/")


def number(text: str) -> float | None:
    """The number that a text is, commas aside; a percentage as its hundredth."""
    text = text.replace(",", "")
    if (value := _float(text)) is not None:
        return value
    if not text.endswith("%"):
        return None
    value = _float(text.removesuffix("%").removesuffix("\\"))
    return None if value is None else value / 100


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _as_matrices(gold: str) -> str:
    r"""A gold `{1,2}` as a column; where it has no such braces, nothing is left of it."""
    columns = [found.strip("{}").replace(",", "\\") for found in re.findall(r"\{.*,.*\}", gold)]
    return ", ".join(rf"\begin{{pmatrix}}{column}\end{{pmatrix}}" for column in columns)


def _without_brackets(answer: str, gold: str) -> bool:
    square = answer.startswith("[") and answer.endswith("]") and not gold.startswith("(")
    if square or (answer.startswith("(") and answer.endswith(")") and not gold.startswith("[")):
        answer, gold = answer.strip("[]()"), gold.strip("[]()")
    removed = str.maketrans("", "", "{}()")
    return answer.translate(removed).lower() == gold.translate(removed).lower()


def _equal_parts(answer: str, gold: str) -> bool:
    """Of two texts in brackets, whichever they are; (0, 1) and [0, 1] are one."""
    if not BRACKETED.match(answer) or not BRACKETED.match(gold):
        return False
    return _all_equal(answer[1:-1].split(","), gold[1:-1].split(","))


def _all_equal(answers: list[str], golds: list[str]) -> bool:
    return len(answers) == len(golds) and all(equal(one, other) for one, other in zip(answers, golds, strict=True))


def _equal_matrices(answer: str, gold: str) -> bool:
    if not all(text.startswith(MATRIX_BEGINS) and text.endswith(MATRIX_ENDS) for text in (answer, gold)):
        return False
    rows, gold_rows = _rows(answer), _rows(gold)
    return len(rows) == len(gold_rows) and all(_all_equal(*pair) for pair in zip(rows, gold_rows, strict=True))


def _rows(matrix: str) -> list[list[str]]:
    inside = matrix[len(MATRIX_BEGINS[0]) : -len(MATRIX_ENDS[0])]
    return [line.strip().split("&") for line in inside.split(r"\\") if line.strip()]


def _equal_equations(answer: str, gold: str) -> bool:
    """Two equations, up to the sign of both sides; or one equation of a name, whose other side is compared."""
    sides, gold_sides = answer.split("="), gold.split("=")
    if len(sides) == 2 and len(gold_sides) == 2:
        apart, gold_apart = (f"{left.strip()} - ({right.strip()})" for left, right in (sides, gold_sides))
        return same_formula(apart, gold_apart) or same_formula(f"-({apart})", gold_apart)
    if len(sides) == 2 and len(gold_sides) == 1 and len(sides[0].strip()) <= LONGEST_NAME:
        return equal(sides[1], gold)
    if len(gold_sides) == 2 and len(sides) == 1 and len(gold_sides[0].strip()) <= LONGEST_NAME:
        return equal(answer, gold_sides[1])
    return False
