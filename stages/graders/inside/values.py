"""How values cross between a solution and its tests: as plain data, never as objects of the solution's making.

Standard library only: this file is handed to the sandbox's interpreter (see supervisor.py).
"""


class Opaque:
    """Stands for an object of the solution's making (a match, a class): true, and equal to nothing but itself."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"<{self.name}>"


SEQUENCES = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
DEEPEST = 50


def encode(value, depth=0):
    """JSON that keeps tuples, sets and dictionaries with any key apart; a subclass (Counter) becomes its plain type, any
    other object its type's name."""
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return {"int": hex(value)}
    if isinstance(value, float):
        return {"float": float.__repr__(value)}
    if isinstance(value, complex):
        return {"complex": [repr(value.real), repr(value.imag)]}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    for name, kind in SEQUENCES.items():
        if isinstance(value, kind):
            return {name: [encode(item, depth + 1) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[encode(key, depth + 1), encode(item, depth + 1)] for key, item in value.items()]}
    return {"opaque": type(value).__name__}


def decode(content):
    """The value; raises ValueError, TypeError, KeyError or AttributeError on what `encode` did not write."""
    if not isinstance(content, dict):
        return content
    ((kind, value),) = content.items()
    if kind in SEQUENCES:
        return SEQUENCES[kind](decode(item) for item in value)
    if kind == "dict":
        return {decode(key): decode(item) for key, item in value}
    if kind == "complex":
        return complex(*map(float, value))
    return {"int": lambda text: int(text, 16), "float": float, "bytes": bytes.fromhex, "opaque": Opaque}[kind](value)
