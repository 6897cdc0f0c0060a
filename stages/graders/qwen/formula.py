"""Two formulas compared by SymPy, as Qwen2.5-Math's grader does in STEER's environment.

A text is read as Python by SymPy's `parse_expr`, else as LaTeX by latex2sympy2_extended, else it stays a text. Before both the
rule tries SymPy's `parse_latex`, which refuses every ANTLR but 4.11; verl, and so STEER, has 4.9, and this environment 4.13.

`parse_expr` runs what it reads, and a model's answer may be anything. So it is given no text that reaches into an object or
holds a string, and no names but SymPy's numbers, functions and sets, and Python's arithmetic.
"""

import inspect
import re
from contextlib import suppress
from functools import cache
from math import isclose
from typing import Any

CLOSE = 1e-4  # relative
MATRIX_DIGITS = 3  # decimals to which the entries of matrices are rounded
ARITHMETIC = (abs, divmod, max, min, pow, round, sum)  # the built-in functions that make no text
MATHEMATICS = ("algebras", "calculus", "concrete", "core", "discrete", "functions", "geometry", "integrals", "logic", "matrices",
               "ntheory", "polys", "series", "sets", "simplify", "solvers")  # fmt: skip
# in these packages, and no mathematics: they write into the caller's names, change settings, or call what they are given
WITH_EFFECTS = {"var", "vring", "vfield", "seterr", "use", "epath"}
UNSAFE = re.compile(
    r"__|['\"`\\]|[^\W\d]\w*\s*\.\s*[^\W\d]|[)\]}]\s*\.\s*[^\W\d]|\b(?:lambda|import|for|yield|await|async)\b"
)


class Unsafe(Exception):
    """A text that `parse_expr` is not given."""


def same_formula(answer: str, gold: str) -> bool:
    """May take for ever: call it in a worker."""
    one, other = read(answer), read(gold)
    for comparison in (_same, _equal_or_simplified, _same_equation, _close, _close_matrices):
        with suppress(Exception):  # SymPy raises anything where a comparison makes no sense of its operands
            if comparison(one, other):
                return True
    return False


def read(text: str) -> Any:
    """The formula, or the text itself where nothing reads it."""
    for reader in (python_formula, _latex_formula):
        for spelling in (text.replace("\\\\", "\\"), text):
            with suppress(Exception):  # whatever a reader raises, the next one may read it
                return reader(spelling)
    return text


def python_formula(text: str, power_by_caret: bool = False) -> Any:
    """Unsafe, or whatever SymPy raises, where the text is no formula. `^` is Python's exclusive or, if not a power."""
    from sympy.parsing.sympy_parser import convert_xor, parse_expr, standard_transformations

    if UNSAFE.search(text):
        raise Unsafe(text)
    rules = (*standard_transformations, convert_xor) if power_by_caret else standard_transformations
    return parse_expr(text, global_dict=dict(names()), transformations=rules)


@cache
def names() -> dict[str, Any]:
    """What an answer may name: SymPy's mathematics and Python's arithmetic; nothing that writes, runs or looks."""
    import sympy
    from sympy.matrices.matrixbase import MatrixBase

    def mathematical(value: Any) -> bool:
        if inspect.isclass(value):
            return issubclass(value, sympy.Basic | MatrixBase)
        module = getattr(value, "__module__", None) or ""
        package = module.split(".")
        if module == "sympy.core.cache":  # what SymPy loads when it is called, as its own tests
            return False
        return isinstance(value, sympy.Basic) or (
            callable(value) and package[:1] == ["sympy"] and package[1] in MATHEMATICS
        )

    found = {
        name: value
        for name, value in vars(sympy).items()
        if not name.startswith("_") and name not in WITH_EFFECTS and mathematical(value)
    }
    return found | {function.__name__: function for function in ARITHMETIC} | {"__builtins__": {}}


def _latex_formula(text: str) -> Any:
    from latex2sympy2_extended import latex2sympy

    return latex2sympy(text)


def _same(one: Any, other: Any) -> bool:
    return str(one) == str(other) or bool(one == other)


def _equal_or_simplified(one: Any, other: Any) -> bool:
    from sympy import simplify

    return bool(one.equals(_sympified(other))) or simplify(one - other) == 0


def _same_equation(one: Any, other: Any) -> bool:
    return bool(abs(one.lhs - one.rhs).equals(abs(other.lhs - other.rhs)))


def _close(one: Any, other: Any) -> bool:
    from sympy import N

    return isclose(float(N(_sympified(one))), float(N(_sympified(other))), rel_tol=CLOSE)


def _close_matrices(one: Any, other: Any) -> bool:
    rounded = [matrix.applyfunc(lambda entry: round(entry, MATRIX_DIGITS)) for matrix in (one, other)]
    return one.shape == other.shape and bool(rounded[0].equals(rounded[1]))


def _sympified(value: Any) -> Any:
    """What SymPy makes of a text that it is given in place of a formula."""
    return python_formula(value, power_by_caret=True) if isinstance(value, str) else value
