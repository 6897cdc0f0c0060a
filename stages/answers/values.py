r"""The value of a formula, and whether two formulas are equal.

Rational values are exact. Others have DIGITS decimal digits, and are equal where all but the last GUARD agree. Formulas
with variables are equal where they are at every one of a few fixed points (what the names stand for follows from the
names, so it is the same on every machine): at positive ones, and at ones of both signs as far as both values are real there, so that
$\ln(1/x) = -\ln x$ but |x| is not x. Where a formula has a floor, a ceiling, a factorial or a binomial, the points are
positive integers.

Two constants of which one is written with a decimal point are equal to six decimals, as math-verify has it, or, below a
thousandth, to six digits.
"""

import functools
import hashlib
import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from mpmath import MPContext

from stages.answers.formula import Node, Unreadable, has_decimal, names_of

DIGITS, GUARD = 50, 20
DECIMALS = 6  # to which math-verify rounds before it compares decimal numbers
SMALL = Fraction(1, 1000)  # below it, that rounding would leave less than three digits of a number
LARGEST_BITS = 100_000  # of an exact number
LARGEST_POWER = 10**6  # natural logarithm of the largest inexact one
POINTS, INTEGER_POINTS = 5, 60
CONSTANTS = frozenset(["e", "i", "imath", "pi"])
INTEGER_FUNCTIONS = frozenset(["floor", "ceil", "factorial", "binom"])
TRIGONOMETRIC = frozenset(["sin", "cos", "tan", "cot", "sec", "csc"])

Value = Any  # a Fraction, or an mpf or mpc of CONTEXT
CONTEXT = MPContext()
CONTEXT.dps = DIGITS
TOLERANCE = CONTEXT.mpf(10) ** (GUARD - DIGITS)


def variables(node: Node) -> set[str]:
    return names_of(node) - CONSTANTS


def equal(gold: Node, answer: Node) -> bool:
    """Raises Unreadable where a value is beyond this reader: infinite, undefined or too large."""
    if gold == answer:
        return True
    names = variables(gold) | variables(answer)
    if not names:
        return equal_constants(gold, answer)
    if _infinite(gold) or _infinite(answer):
        return False
    return all(near(left, right) for left, right in values_at_points((gold, answer), names))


def values_at_points(nodes: tuple[Node, ...], names: set[str]) -> Iterator[tuple[Value, ...]]:
    """The values of all `nodes` at every point that tells something; Unreadable at the end if those are too few."""
    found = 0
    integer = any(map(_of_integers, nodes))
    for number, point in enumerate(points(names, integer)):
        try:
            values = tuple(evaluate(node, point) for node in nodes)
        except (ZeroDivisionError, Unreadable):
            continue
        if number % 2 == 0 or integer or all(map(is_real, values)):
            found += 1
            yield values
    if found < 2:
        raise Unreadable("undefined")


def points(names: set[str], integer: bool) -> list[dict[str, Value]]:
    """What the names stand for. Even ones are positive; all are if `integer`."""
    if integer:
        return [_integers(sorted(names), number) for number in range(INTEGER_POINTS)]
    made = []
    for number in range(POINTS):
        point = {name: Fraction(1001 + _hash(f"{name} {number}") % 2500, 997) for name in names}
        signs = {name: -1 if number % 2 and (number == 1 or _hash(f"sign {name}") % 2) else 1 for name in names}
        made.append({name: point[name] * signs[name] for name in names})
    return made


def _integers(names: list[str], number: int) -> dict[str, Value]:
    """Of one name every integer from 2 on, so that no step of a floor is missed; the others' lie scattered."""
    scattered = {name: Fraction(2 + _hash(f"{name} {number}") % 40) for name in names[1:]}
    return {names[0]: Fraction(2 + number), **scattered}


def equal_constants(gold: Node, answer: Node) -> bool:
    left, right = constant(gold), constant(answer)
    if has_decimal(gold) or has_decimal(answer):
        return equal_decimals(left, right)
    return near(left, right)


def constant(node: Node) -> Value:
    """The value of a formula without variables."""
    try:
        return evaluate(node, {})
    except ZeroDivisionError:
        raise Unreadable("a division by zero")


def near(left: Value, right: Value) -> bool:
    if isinstance(left, Fraction) and isinstance(right, Fraction):
        return left == right
    left, right = inexact(left), inexact(right)
    if CONTEXT.isinf(left) or CONTEXT.isinf(right):
        return bool(left == right)
    return bool(abs(left - right) <= TOLERANCE * max(abs(left), abs(right), TOLERANCE))


def equal_decimals(gold: Value, answer: Value) -> bool:
    """To six decimals, or, for a small gold, to six digits of it."""
    if not (is_real(gold) and is_real(answer)):
        return bool(abs(inexact(gold) - inexact(answer)) < CONTEXT.mpf(10) ** -DECIMALS / 2)
    if CONTEXT.isinf(inexact(gold)) or CONTEXT.isinf(inexact(answer)):
        return near(gold, answer)
    gold, answer = _rational(gold), _rational(answer)
    scale = Fraction(1)
    if 0 < abs(gold) < SMALL:
        scale = Fraction(10) ** -int(CONTEXT.floor(CONTEXT.log10(inexact(abs(gold)))))
    return round(gold * scale, DECIMALS) == round(answer * scale, DECIMALS)


def is_real(value: Value) -> bool:
    return isinstance(value, Fraction) or abs(CONTEXT.im(value)) <= TOLERANCE * (1 + abs(CONTEXT.re(value)))


def inexact(value: Value) -> Value:
    if isinstance(value, Fraction):
        return CONTEXT.mpf(value.numerator) / value.denominator
    return value


def evaluate(node: Node, point: Mapping[str, Value]) -> Value:
    """Raises Unreadable where there is no value, ZeroDivisionError at a pole."""
    value = _evaluate(node, point)
    if not isinstance(value, Fraction) and CONTEXT.isnan(value):
        raise Unreadable("undefined")
    return value


def _evaluate(node: Node, point: Mapping[str, Value]) -> Value:
    if node.kind == "num":
        return node.value
    if node.kind == "name":
        return _name(str(node.value), point)
    if node.kind == "infinity":
        return CONTEXT.inf
    if node.kind == "apply":
        return _applied(node, point)
    if node.kind in TRIGONOMETRIC and _degrees(node):
        inner = _evaluate(node.parts[0], point)
        return _function(node.kind, inexact(inner) * CONTEXT.pi / 180)
    parts = [_evaluate(part, point) for part in node.parts]
    match node.kind:
        case "add" | "mul" | "div":
            return combined(node.kind, *parts)
        case "neg":
            return -parts[0]
        case "degree":
            return parts[0]
        case "pow":
            return _power(*parts)
        case "floor" | "ceil" | "abs" | "factorial" | "binom":
            return _whole(node.kind, parts)
    return _function(node.kind, inexact(parts[0]))


def combined(operation: str, left: Value, right: Value) -> Value:
    """Sum, product or quotient, exact if both are."""
    if not (isinstance(left, Fraction) and isinstance(right, Fraction)):
        left, right = inexact(left), inexact(right)
    if operation == "div" and right == 0:
        raise ZeroDivisionError
    result = left + right if operation == "add" else left * right if operation == "mul" else left / right
    if (
        isinstance(result, Fraction)
        and max(result.numerator.bit_length(), result.denominator.bit_length()) > LARGEST_BITS
    ):
        raise Unreadable("too large")
    return result


def _power(base: Value, exponent: Value) -> Value:
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        if base == 0 and exponent < 0:
            raise ZeroDivisionError
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if abs(exponent) * bits <= LARGEST_BITS:
            return base ** int(exponent)
    base, exponent = inexact(base), inexact(exponent)
    if base == 0:
        if CONTEXT.re(exponent) <= 0:
            raise ZeroDivisionError
        return Fraction(0)
    if CONTEXT.isinf(base) or CONTEXT.isinf(exponent) or abs(exponent * CONTEXT.log(abs(base))) > LARGEST_POWER:
        raise Unreadable("too large")
    if is_real(base) and CONTEXT.re(base) < 0 and (root := _odd_root(CONTEXT.re(base), exponent)) is not None:
        return root
    return CONTEXT.power(base, exponent)


def _odd_root(base: Value, exponent: Value) -> Value | None:
    r"""$\sqrt[3]{-8}$ is -2, as at school."""
    for root in (3, 5, 7):
        if near(exponent * root, Fraction(1)):
            return -CONTEXT.power(-base, exponent)
    return None


def _whole(kind: str, parts: list[Value]) -> Value:
    value = parts[0]
    if kind == "abs":
        return abs(value)
    if kind in ("floor", "ceil"):
        if isinstance(value, Fraction):
            return Fraction(math.floor(value) if kind == "floor" else math.ceil(value))
        if not is_real(value) or abs(value) > 10**30:
            raise Unreadable("no real number")
        value = CONTEXT.re(value)
        nearest = CONTEXT.nint(value)
        if abs(value - nearest) < TOLERANCE * (1 + abs(value)):  # log_2 8 is 3
            return Fraction(int(nearest))
        return Fraction(int(CONTEXT.floor(value) if kind == "floor" else CONTEXT.ceil(value)))
    if any(abs(inexact(part)) > 3000 for part in parts):
        raise Unreadable("too large")
    if all(isinstance(part, Fraction) and part.denominator == 1 and part >= 0 for part in parts):
        return Fraction(math.factorial(int(value)) if kind == "factorial" else math.comb(int(value), int(parts[1])))
    try:
        if kind == "factorial":
            return CONTEXT.gamma(inexact(value) + 1)
        return CONTEXT.binomial(inexact(value), inexact(parts[1]))
    except ValueError:  # a pole
        raise ZeroDivisionError


def _function(name: str, value: Value) -> Value:
    if CONTEXT.isinf(value) or (name in ("exp", "sinh", "cosh", "tanh", "coth") and abs(value) > LARGEST_POWER):
        raise Unreadable("too large")
    if abs(value) > CONTEXT.mpf(10) ** 30 and name in TRIGONOMETRIC:
        raise Unreadable("no digits of the angle are left")
    own = {
        "log": CONTEXT.log, "arcsin": CONTEXT.asin, "arccos": CONTEXT.acos, "arctan": CONTEXT.atan, "arccot": CONTEXT.acot, "arcsec": CONTEXT.asec, "arccsc": CONTEXT.acsc,
        "arcsinh": CONTEXT.asinh, "arccosh": CONTEXT.acosh, "arctanh": CONTEXT.atanh,
    }  # fmt: skip
    if name == "log" and value == 0:
        raise ZeroDivisionError
    try:
        return own[name](value) if name in own else getattr(CONTEXT, name)(value)
    except ValueError:
        raise ZeroDivisionError


def _name(name: str, point: Mapping[str, Value]) -> Value:
    match name:
        case "pi":
            return +CONTEXT.pi
        case "e":
            return +CONTEXT.e
        case "i" | "imath":
            return CONTEXT.j
    return point[name]


def _applied(node: Node, point: Mapping[str, Value]) -> Value:
    """A function that is not known: some number that follows from its name and its argument."""
    name, inner = node.parts
    argument = _evaluate(inner, point)
    factor = Fraction(1001 + _hash(f"{name.value}({CONTEXT.nstr(inexact(argument), 15)})") % 2500, 997)
    return combined("mul", factor, _evaluate(name, point))


def _infinite(node: Node) -> bool:
    return node.kind == "infinity" or any(map(_infinite, node.parts))


def _of_integers(node: Node) -> bool:
    """Whether what it means needs whole numbers: a floor, n!, (-1)^n."""
    sign = node.kind == "pow" and node.parts[0].kind == "neg" and bool(variables(node.parts[1]))
    return node.kind in INTEGER_FUNCTIONS or sign or any(map(_of_integers, node.parts))


def _degrees(node: Node) -> bool:
    return node.kind == "degree" or any(map(_degrees, node.parts))


def _rational(value: Value) -> Fraction:
    if isinstance(value, Fraction):
        return value
    sign, digits, exponent, _ = CONTEXT.re(value)._mpf_
    return Fraction(-int(digits) if sign else int(digits)) * Fraction(2) ** exponent


@functools.lru_cache(maxsize=1 << 12)
def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:6], "big")
