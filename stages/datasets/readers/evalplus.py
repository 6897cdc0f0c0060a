"""Readers of HumanEval+ and MBPP+ (EvalPlus, arXiv 2305.01210), which hold inputs but no expected outputs.

Their `tests` run the data set's own solution on the same inputs, inside the sandbox, and compare as EvalPlus 0.3.1 does
(evalplus/eval/__init__.py and _special_oracle.py): equal, or close where floats are expected, and a few functions by
rules of their own. Restoring MBPP+'s inputs from JSON follows evalplus/data/mbpp.py.
"""

from collections.abc import Callable
from typing import Any

from stages.datasets.cleaning import Row

TESTS = """\
import copy, math
inf, nan = float("inf"), float("nan")
REFERENCE = {{}}
exec({reference!r}, REFERENCE)
INPUTS = {inputs!r}
TOLERANCE = {tolerance!r}
def floats(value):
    return isinstance(value, float) or (
        isinstance(value, (list, tuple)) and bool(value) and all(isinstance(item, float) for item in value))
def close(found, expected, tolerance):
    if isinstance(expected, (list, tuple)):
        return len(found) == len(expected) and all(close(a, b, tolerance) for a, b in zip(found, expected))
    if found == expected or (found != found and expected != expected):
        return True
    # beside an infinity any finite difference would look small
    return abs(expected) < inf and abs(found - expected) <= tolerance + 1e-7 * abs(expected)
def right(found, expected, arguments):
{rule}
    tolerance = TOLERANCE or (1e-6 if floats(expected) else 0)
    if found == expected:
        return True
    return bool(tolerance) and type(found) is type(expected) and close(found, expected, tolerance)
for arguments in INPUTS:
    expected = REFERENCE[{name!r}](*copy.deepcopy(arguments))
    found = {name}(*copy.deepcopy(arguments))
    assert right(found, expected, arguments), "wrong output"
"""
NO_RULE = "    # no rule of its own"
SET_EQUALITY = "    return set(found) == set(expected)"
NOT_NONE = "    return (found if isinstance(found, bool) else found is not None) == (expected is not None)"
RULES = {
    **dict.fromkeys(
        (
            "similar_elements", "find_char_long", "common_in_nested_lists", "extract_singly", "larg_nnum",
            "intersection_array", "find_dissimilar", "Diff",
        ),
        SET_EQUALITY,
    ),
    **dict.fromkeys(("check_str", "text_match_three", "text_starta_endb"), NOT_NONE),
    "are_equivalent": "    return True",
    "sum_div": "    if found == 0: return True",
    # the height is that of the pyramid, or that of a side
    "surface_Area": (
        "    base, height = arguments\n"
        "    slant = math.sqrt((base / 2) ** 2 + height ** 2)\n"
        "    if abs(found - round(base ** 2 + 4 * (base * slant) / 2)) <= TOLERANCE: return True"
    ),
    # the shorter number is padded with zeros, or it is not
    "digit_distance_nums": (
        "    width = max(len(str(number)) for number in arguments)\n"
        "    digits = [str(number).zfill(width) for number in arguments]\n"
        "    if found == sum(abs(int(a) - int(b)) for a, b in zip(*digits)): return True"
    ),
}  # fmt: skip
# What an input must be like where some make the data set's own solution return lists of a million items, or run for tens of
# seconds in all. EvalPlus has such a reduction too, its sets without extreme inputs.
SMALL_ENOUGH: dict[str, Callable[[Any], bool]] = {
    "HumanEval/15": lambda arguments: arguments[0] <= 100_000,
    "HumanEval/100": lambda arguments: arguments[0] <= 100_000,
    "HumanEval/130": lambda arguments: arguments[0] <= 100_000,
    "Mbpp/255": lambda arguments: arguments[1] <= 20,
    "Mbpp/599": lambda arguments: arguments[0] <= 10_000_000,
    "Mbpp/630": lambda arguments: len(arguments[0]) <= 8,
}
# any root of the polynomial will do
FIND_ZERO = (
    "    return abs(sum(factor * math.pow(found, power) for power, factor in enumerate(arguments[0]))) <= TOLERANCE"
)


def humanevalplus(row: Row) -> Row:
    name, head = row["entry_point"], row["prompt"]
    reference, rule = head + row["canonical_solution"], FIND_ZERO if name == "find_zero" else NO_RULE
    line = {"id": row["task_id"], "problem": head, "answer": row["canonical_solution"], "prompt": head}
    return line | _tested(row, [*row["base_input"], *row["plus_input"]], reference, rule)


def mbppplus(row: Row) -> Row:
    restore, rule = restorer(int(row["task_id"].removeprefix("Mbpp/"))), RULES.get(row["entry_point"], NO_RULE)
    inputs = [restore(arguments) for arguments in [*row["base_input"], *row["plus_input"]]]
    problem = row["prompt"].strip().removeprefix('"""').removesuffix('"""').strip()
    line = {"id": row["task_id"], "problem": problem, "answer": row["canonical_solution"].strip() + "\n"}
    return line | _tested(row, inputs, row["canonical_solution"], rule)


def _tested(row: Row, inputs: list[Any], reference: str, rule: str) -> Row:
    small_enough = SMALL_ENOUGH.get(row["task_id"])
    small = list(filter(small_enough, inputs)) if small_enough else inputs
    name = row["entry_point"]
    tests = TESTS.format(name=name, reference=reference, inputs=small, tolerance=row["atol"], rule=rule)
    mended = {"mended": "extreme inputs left out"} if len(small) < len(inputs) else {}
    return {"tests": tests, "entry_point": name, **mended}


def restorer(task: int) -> Callable[[list[Any]], Any]:
    """What turns the arguments of an MBPP+ task, as JSON holds them, into what the function takes."""
    for tasks, restore in RESTORED.items():
        if task in tasks:
            return restore
    return lambda arguments: arguments


def _tuples(items: list[Any]) -> list[Any]:
    return [tuple(item) for item in items]


def _deep_tuple(value: Any) -> Any:
    return tuple(map(_deep_tuple, value)) if isinstance(value, list) else value


RESTORED: dict[tuple[int, ...], Callable[[list[Any]], Any]] = {
    (2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424): _tuples,
    (429, 470, 560, 579, 596, 616, 630, 726, 740, 744, 809): _tuples,
    (63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780): lambda a: [_tuples(item) for item in a],
    (75, 413, 444, 753): lambda a: [_tuples(a[0]), a[1]],
    (106, 750): lambda a: [a[0], tuple(a[1])],
    (115,): lambda a: [[set(item) if isinstance(item, list) and item else {} for item in a[0]]],
    (124,): lambda a: [float(a[0]), complex(a[1])],
    (250, 405, 446, 617, 720, 763, 808): lambda a: [tuple(a[0]), a[1]],
    (259, 401, 445): lambda a: [tuple(_tuples(item)) for item in a],
    (278,): lambda a: [tuple(tuple(item) if isinstance(item, list) else item for item in a[0])],
    (307,): lambda a: [tuple(a[0]), a[1], a[2]],
    (722,): lambda a: [{key: tuple(value) for key, value in a[0].items()}, *a[1:]],
    (252,): lambda a: [complex(a[0])],
    (580, 615, 791): _deep_tuple,
}  # fmt: skip
