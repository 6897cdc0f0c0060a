r"""Whether an answer says what a gold says. Both are readings; who is the gold matters.

- A number in a base is that number in that base; a plain gold also accepts it by value.
- A unit may be missing or be there where the gold has none; two different ones are two answers.
- p% is the gold p where p is more than one, and the gold p/100; a gold p% accepts p and p/100 too.
- Lists are equal in any order, each part as often as it stands. A point accepts its coordinates without brackets.
- A gold without "=" accepts "L = …", and a gold "x = …" what stands after it. Two equations are equal where each holds
  wherever the other one does. f(n) = n² is f(x) = x².
- An inequality of one name is an interval.
"""

from fractions import Fraction

from stages.answers.formula import Node, Unreadable, number, renamed
from stages.answers.reading import Based, Bracketed, Choice, Listed, Matrix, Quantity, Reading, Relation, Union, Words
from stages.answers.units import compatible
from stages.answers.values import (
    TOLERANCE,
    Value,
    combined,
    constant,
    equal,
    evaluate,
    inexact,
    is_real,
    near,
    points,
    values_at_points,
    variables,
)

FLIPPED = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le"}
INFINITY = Quantity(Node("infinity"))
MINUS_INFINITY = Quantity(Node("neg", (Node("infinity"),)))


def same(gold: Reading, answer: Reading) -> bool:
    """Raises Unreadable where the comparison is beyond this reader."""
    gold, answer = _simple(gold), _simple(answer)
    if isinstance(answer, Relation) and not isinstance(gold, Relation):
        return any(same(gold, side) for side in stated_sides(answer))
    if isinstance(gold, Relation) and not isinstance(answer, Relation):
        return is_assignment(gold) and same(gold.sides[-1], answer)
    if isinstance(gold, Relation) and isinstance(answer, Relation):
        return same_relations(gold, answer)
    if isinstance(answer, Based) and isinstance(gold, Quantity):
        return same(gold, Quantity(number(int(answer.digits, answer.base))))
    if isinstance(gold, Choice) and isinstance(answer, Quantity):
        return answer == Quantity(Node("name", value=gold.letter))
    if isinstance(gold, Words) and isinstance(answer, Words):
        return gold == answer
    if isinstance(gold, Quantity) and isinstance(answer, Quantity):
        return same_quantities(gold, answer)
    if isinstance(gold, Bracketed | Matrix) or isinstance(answer, Bracketed | Matrix):
        return same_ordered(gold, answer)
    if isinstance(gold, Listed | Union) and isinstance(answer, Listed | Union):
        return same_in_any_order(gold.parts, answer.parts)
    if isinstance(gold, Quantity) and isinstance(answer, Listed):  # "1/2 or 0.5"
        return all(same(gold, part) for part in answer.parts)
    return gold == answer


def same_quantities(gold: Quantity, answer: Quantity) -> bool:
    if gold.percent or answer.percent:
        return same_percent(gold, answer)
    return compatible(gold.unit, answer.unit) and equal(gold.node, answer.node)


def same_percent(gold: Quantity, answer: Quantity) -> bool:
    if gold.percent and answer.percent:
        return equal(gold.node, answer.node)
    if (gold.unit and not gold.percent) or (answer.unit and not answer.percent):
        return False
    if gold.percent:
        return equal(gold.node, answer.node) or equal(_hundredth(gold.node), answer.node)
    if not variables(gold.node) and is_real(value := constant(gold.node)) and abs(value) > 1:
        return equal(gold.node, answer.node) or equal(gold.node, _hundredth(answer.node))
    return equal(gold.node, _hundredth(answer.node))


def same_ordered(gold: Reading, answer: Reading) -> bool:
    if isinstance(gold, Matrix) and isinstance(answer, Matrix):
        shapes = [(len(one.rows), len(one.rows[0])) for one in (gold, answer)]
        return shapes[0] == shapes[1] and _pairwise(sum(gold.rows, ()), sum(answer.rows, ()))
    if isinstance(gold, Bracketed) and isinstance(answer, Bracketed):
        brackets = (gold.opening, gold.closing) == (answer.opening, answer.closing)
        return brackets and _pairwise(gold.parts, answer.parts)
    left, right = _point(gold), _point(answer)
    return left is not None and right is not None and _pairwise(left, right)


def _point(reading: Reading) -> tuple[Reading, ...] | None:
    """Coordinates of a point, a list or a vector; None of an interval."""
    if isinstance(reading, Listed):
        return reading.parts
    if isinstance(reading, Bracketed) and (reading.opening, reading.closing) == ("(", ")"):
        return None if any(part in (INFINITY, MINUS_INFINITY) for part in reading.parts) else reading.parts
    if isinstance(reading, Matrix) and (len(reading.rows) == 1 or len(reading.rows[0]) == 1):
        return sum(reading.rows, ())
    return None


def _pairwise(gold: tuple[Reading, ...], answer: tuple[Reading, ...]) -> bool:
    return len(gold) == len(answer) and all(map(same, gold, answer))


def same_in_any_order(gold: tuple[Reading, ...], answer: tuple[Reading, ...]) -> bool:
    """Each part of one is a part of the other."""
    left = list(answer)
    for part in gold:
        found = next((one for one in left if same(part, one)), None)
        if found is None:
            return False
        left.remove(found)
    return not left


def is_assignment(relation: Relation) -> bool:
    r"""x = …, f(x) = …, x \in …: what stands after the sign is the answer."""
    first = relation.sides[0]
    named = isinstance(first, Bracketed) or (isinstance(first, Quantity) and _is_name(first.node))
    return len(relation.signs) == 1 and relation.signs[0] in ("=", r"\in") and named


def _is_name(node: Node) -> bool:
    return (node.kind == "name" and bool(variables(node))) or (node.kind == "apply" and _is_name(node.parts[0]))


def stated_sides(relation: Relation) -> list[Reading]:
    r"""What an answer with "=" states: its last side; of `204 = m+n` the number; around `\approx` both sides."""
    if not relation.signs:
        return list(relation.sides)
    if any(sign not in ("=", r"\approx", r"\in", r"\equiv") for sign in relation.signs) or r"\equiv" in relation.signs:
        return []
    stated = [relation.sides[-1]]
    for at, sign in enumerate(relation.signs):
        if sign == r"\approx" and not (at == 0 and is_assignment(Relation(relation.sides[:2], ("=",)))):
            stated.append(relation.sides[at])
    last = relation.sides[-1]
    first = relation.sides[0]
    if len(relation.sides) == 2 and _is_number(first) and not _is_number(last) and isinstance(last, Quantity):
        return [first]
    return stated


def _is_number(reading: Reading) -> bool:
    return isinstance(reading, Quantity) and not variables(reading.node)


def same_relations(gold: Relation, answer: Relation) -> bool:
    """Two equations, or two relations side by side."""
    gold, answer = _without_approximation(gold), _without_approximation(answer)
    if len(gold.signs) == 1 and len(answer.signs) > 1 and set(answer.signs) == {"="} and gold.signs == ("=",):
        answer = Relation((answer.sides[0], answer.sides[-1]), ("=",))  # x = a = b
    if gold.signs == answer.signs and len(gold.sides) == len(answer.sides):
        renamed_answer = _same_variable(gold, answer)
        if all(map(_same_or_unread, gold.sides, renamed_answer.sides)):
            return True
    if gold.signs == answer.signs == ("=",):
        return same_equations(gold, answer)
    flipped = Relation(answer.sides[::-1], tuple(FLIPPED.get(sign, sign) for sign in answer.signs[::-1]))
    return (
        gold.signs == flipped.signs and len(gold.sides) == len(flipped.sides) and _pairwise(gold.sides, flipped.sides)
    )


def _same_or_unread(gold: Reading, answer: Reading) -> bool:
    try:
        return same(gold, answer)
    except Unreadable:
        return False


def _without_approximation(relation: Relation) -> Relation:
    if r"\approx" in relation.signs[1:]:
        end = relation.signs.index(r"\approx", 1)
        return Relation(relation.sides[: end + 1], relation.signs[:end])
    return relation


def _same_variable(gold: Relation, answer: Relation) -> Relation:
    """f(x) = x² with the gold's variable: f(n) = n²."""
    sides = (gold.sides[0], answer.sides[0])
    if all(isinstance(side, Quantity) and side.node.kind == "apply" for side in sides):
        (_, theirs), (_, ours) = (side.node.parts for side in sides if isinstance(side, Quantity))
        if theirs.kind == ours.kind == "name" and theirs != ours and str(theirs.value) not in _all_names(answer):
            return _map(answer, str(ours.value), str(theirs.value))
    return answer


def _all_names(relation: Relation) -> set[str]:
    return {name for side in relation.sides if isinstance(side, Quantity) for name in variables(side.node)}


def _map(relation: Relation, old: str, new: str) -> Relation:
    sides = [
        Quantity(renamed(side.node, old, new), side.unit) if isinstance(side, Quantity) else side
        for side in relation.sides
    ]
    return Relation(tuple(sides), relation.signs)


def same_equations(gold: Relation, answer: Relation) -> bool:
    """Whether one is a multiple of the other, or each holds wherever the other one does."""
    first, second = _difference(gold), _difference(answer)
    if first is None or second is None:
        return False
    names = variables(first) | variables(second)
    if not names:
        return False
    values = list(values_at_points((first, second), names))
    ratios = [combined("div", left, right) for left, right in values if right != 0 and left != 0]
    if len(ratios) == len(values) and all(near(ratio, ratios[0]) for ratio in ratios):
        return True
    return _holds_where(first, second, names) and _holds_where(second, first, names)


def _difference(relation: Relation) -> Node | None:
    left, right = relation.sides
    if not (isinstance(left, Quantity) and isinstance(right, Quantity)):
        return None
    return Node("add", (left.node, Node("neg", (right.node,))))


def _holds_where(first: Node, second: Node, names: set[str]) -> bool:
    """Whether `second` is zero where `first` is, found along a variable in which `first` is linear."""
    for name in sorted(variables(first)):
        checked = 0
        for point in points(names, False)[::2]:
            root = _root(first, name, point)
            if root is None:
                break
            try:
                value = evaluate(second, {**point, name: root})
                other = evaluate(second, point)
            except (Unreadable, ZeroDivisionError):
                break
            if abs(inexact(value)) > TOLERANCE * (1 + abs(inexact(other))):
                return False
            checked += 1
        if checked >= 2:
            return True
    return False


def _root(node: Node, name: str, point: dict[str, Value]) -> Value | None:
    """Where `node` is zero as a linear function of `name`; None if it is not linear or has no root."""
    try:
        first, second, third = (evaluate(node, {**point, name: Fraction(at)}) for at in (1, 2, 3))
    except (Unreadable, ZeroDivisionError):
        return None
    slope = combined("add", second, -first)
    if slope == 0 or not near(combined("add", third, -second), slope):
        return None
    return combined("add", Fraction(1), combined("div", -first, slope))


def _hundredth(node: Node) -> Node:
    return Node("div", (node, number(100)))


def _simple(reading: Reading) -> Reading:
    """A list of one is its part; an inequality of one name is an interval."""
    if isinstance(reading, Listed) and len(reading.parts) == 1:
        return _simple(reading.parts[0])
    if isinstance(reading, Listed | Union):
        return _one_set(reading)
    return _interval(reading) if isinstance(reading, Relation) else reading


def _one_set(reading: Listed | Union) -> Reading:
    """`x < 1 or x > 3` is that x lies in a union of intervals."""
    parts = [_simple(part) for part in reading.parts]
    members = [part for part in parts if isinstance(part, Relation) and part.signs == (r"\in",)]
    if len(members) == len(parts) and len({part.sides[0] for part in members}) == 1:
        return Relation((members[0].sides[0], Union(tuple(part.sides[1] for part in members))), (r"\in",))
    return reading


def _interval(relation: Relation) -> Relation:
    r"""`-2 \le x < 7` as `x \in [-2,7)`."""
    signs, sides = relation.signs, relation.sides
    if not signs or any(sign not in FLIPPED for sign in signs):
        return relation
    if signs[0] in (">", r"\ge"):
        signs, sides = tuple(FLIPPED[sign] for sign in signs[::-1]), sides[::-1]
    if any(sign in (">", r"\ge") for sign in signs):
        return relation
    named = [isinstance(side, Quantity) and _is_name(side.node) for side in sides]
    opening, closing = ("[" if signs[0] == r"\le" else "("), ("]" if signs[-1] == r"\le" else ")")
    if len(sides) == 3 and named == [False, True, False]:
        return Relation((sides[1], Bracketed(opening, (sides[0], sides[2]), closing)), (r"\in",))
    if len(sides) == 2 and named == [True, False]:
        return Relation((sides[0], Bracketed("(", (MINUS_INFINITY, sides[1]), closing)), (r"\in",))
    if len(sides) == 2 and named == [False, True]:
        return Relation((sides[1], Bracketed(opening, (sides[0], INFINITY), ")")), (r"\in",))
    return relation
