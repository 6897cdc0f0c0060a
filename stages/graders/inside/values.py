"""How values cross between a solution and its tests: as plain data, never as objects of the solution's making.

Standard library only: this file is handed to the sandbox's interpreter (see supervisor.py).
"""

from collections import deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from numbers import Integral, Real
from typing import Any


class Opaque:
    """Stands for an object of the solution's making (a match, a class): true, and equal to nothing but itself."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}>"


# Kinds that hold items. An iterator (of a generator, map, zip) has its items taken here, where a test may ask for them.
SEQUENCES: dict[str, Any] = {"tuple": tuple, "set": set, "frozenset": frozenset, "deque": deque}
VIEWS: dict[str, tuple[Any, Callable[[list[Any]], Any]]] = {
    "keys": (type({}.keys()), lambda items: dict.fromkeys(items).keys()),
    "values": (type({}.values()), lambda items: dict(enumerate(items)).values()),
    "items": (type({}.items()), lambda items: dict(items).items()),
    "iterator": (Iterator, iter),
}
PLAIN: dict[str, Callable[[Any], Any]] = {
    "int": lambda text: int(text, 16), "bytes": bytes.fromhex, "bytearray": bytearray.fromhex, "opaque": Opaque,
    "decimal": Decimal, "fraction": lambda parts: Fraction(*(int(part, 16) for part in parts)),
    "range": lambda parts: range(*(int(part, 16) for part in parts)), "complex": lambda parts: complex(*map(float, parts)),
}  # fmt: skip
DEEPEST = 50
LARGEST_WRITTEN = (
    1 << 62
)  # an integer beyond it is sent in hexadecimal: decimal digits of a large one take long to read
MOST_ITEMS = 2_000_000  # of an iterator, which may be endless


def encode(value: Any, depth: int = 0) -> Any:
    """JSON from which `decode` makes an equal value: tuples, sets and dictionaries with any key stay what they are.

    A subclass (Counter) becomes its plain type, a number of numpy the number, any other object its type's name.
    ValueError beyond `DEEPEST` levels or `MOST_ITEMS` items of an iterator.
    """
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Integral):
        number = int(value)
        return number if -LARGEST_WRITTEN < number < LARGEST_WRITTEN else {"int": hex(number)}
    if isinstance(value, float):
        return float(value)
    if isinstance(value, complex):
        return {"complex": [repr(value.real), repr(value.imag)]}
    if isinstance(value, list):
        return [encode(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {"dict": [[encode(key, depth + 1), encode(item, depth + 1)] for key, item in value.items()]}
    return _encode_rarer(value, depth)


def _encode_rarer(value: Any, depth: int) -> Any:
    if isinstance(value, bytes | bytearray):
        return {type(value).__name__ if type(value) in (bytes, bytearray) else "bytes": value.hex()}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, Fraction):
        return {"fraction": [hex(value.numerator), hex(value.denominator)]}
    if isinstance(value, range):
        return {"range": [hex(part) for part in (value.start, value.stop, value.step)]}
    for name, kind in SEQUENCES.items():
        if isinstance(value, kind):
            return {name: [encode(item, depth + 1) for item in value]}
    for name, (kind, _) in VIEWS.items():
        if isinstance(value, kind):
            items = [encode(item, depth + 1) for item in islice(value, MOST_ITEMS + 1)]
            if len(items) > MOST_ITEMS:
                raise ValueError("an iterator without end")
            return {name: items}
    if type(value).__module__ == "numpy" and isinstance(value, Real):
        return float(value)  # float32
    if type(value).__module__ == "numpy" and type(value).__name__ in ("bool_", "bool"):
        return bool(value)
    return {"opaque": type(value).__name__}


def decode(content: Any) -> Any:
    """The value; raises ValueError, TypeError, KeyError, AttributeError or ArithmeticError on what `encode` did not write."""
    if isinstance(content, list):
        return [decode(item) for item in content]
    if not isinstance(content, dict):
        return content
    ((kind, value),) = content.items()
    if kind in SEQUENCES:
        return SEQUENCES[kind](decode(item) for item in value)
    if kind in VIEWS:
        return VIEWS[kind][1]([decode(item) for item in value])
    if kind == "dict":
        return {decode(key): decode(item) for key, item in value}
    return PLAIN[kind](value)
