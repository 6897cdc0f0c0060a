"""Evaluates an expression of x that a model wrote, by a parser that knows nothing else; nothing of it is ever executed.

    sum     = ["-"] product (("+" | "-") product)*
    product = factor ("*" factor)*
    factor  = number | "x" | "(" sum ")"

Not Python's `ast`: rewards are computed in threads, and CPython 3.11's parser fails now and then when two threads parse
at once (SystemError: AST constructor recursion depth mismatch).
"""

import re

LONGEST = 64  # characters, which also bounds the nesting
LARGEST = 10**12  # of any value on the way
TOKEN = re.compile(r"\s*([0-9]+|[x()+*-])\s*")


class _NotAnExpression(Exception):
    pass


def evaluate(expression: str, x: int) -> int | None:
    """The value of `expression` at `x`; None if it is not in the grammar, too long, or too large on the way."""
    if len(expression) > LONGEST:
        return None
    tokens, position = [], 0
    while position < len(expression):
        match = TOKEN.match(expression, position)
        if match is None:
            return None
        tokens.append(match[1])
        position = match.end()
    try:
        value = _sum(tokens, x)
    except _NotAnExpression:
        return None
    return None if tokens else value


def _sum(tokens: list[str], x: int) -> int:
    """Each of these consumes its part from the front of `tokens`."""
    total = 0 if tokens[:1] == ["-"] else _product(tokens, x)
    while tokens[:1] in (["+"], ["-"]):
        sign = 1 if tokens.pop(0) == "+" else -1
        total = _bounded(total + sign * _product(tokens, x))
    return total


def _product(tokens: list[str], x: int) -> int:
    value = _factor(tokens, x)
    while tokens[:1] == ["*"]:
        tokens.pop(0)
        value = _bounded(value * _factor(tokens, x))
    return value


def _factor(tokens: list[str], x: int) -> int:
    token = tokens.pop(0) if tokens else ""
    if token == "x":
        return x
    if token.isdigit():
        return _bounded(int(token))
    if token == "(":
        value = _sum(tokens, x)
        if tokens[:1] == [")"]:
            tokens.pop(0)
            return value
    raise _NotAnExpression


def _bounded(value: int) -> int:
    if abs(value) >= LARGEST:
        raise _NotAnExpression
    return value
