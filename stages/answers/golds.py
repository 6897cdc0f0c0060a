r"""What preparation checks of every gold that is graded by what it says.

A gold has to accept itself, also between `$` and before a full stop (the round trip), and it has to refuse every
mutation: each digit by the next one, each sign by the other one, each name by a name that is not in it, each bracket of
a point or interval by the other kind. Golds that are no formula are graded literally (literal.py); they are checked
alike.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from stages.answers.equality import same
from stages.answers.formula import Unreadable
from stages.answers.literal import gold_reading, same_text
from stages.answers.reading import Quantity, Reading, Relation, read
from stages.answers.values import constant, variables
from stages.common.files import InputError

COMMAND = re.compile(r"\\[A-Za-z]+")
NAME_COMMANDS = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "theta",
        "lambda",
        "mu",
        "rho",
        "sigma",
        "tau",
        "omega",
        "zeta",
        "Delta",
        "hbar",
    ]
)
WRITING = re.compile(r"\\(?:begin|end)\{\w+\}|\bnp\.|(?<=\()([A-Za-z])(?=\)\s*=(?![^,]*\1))")
SIGNED = re.compile(r"(?<![eE])[+-](?=[^+-])")
FLIP = {"+": "-", "-": "+", "(": "[", "[": "(", ")": "]", "]": ")"}
WRITTEN = (str, "{}.".format, "${}$".format, " {} ".format)  # the same gold in other writing


def kinds_of(golds: Iterable[tuple[str, str]], source: str) -> dict[str, int]:
    """Kind -> how many golds are of it. `golds` are ids with golds.

    Raises InputError that names the first gold that fails, what it did, and how many do.
    """
    kinds: Counter[str] = Counter()
    failed = []
    for identity, gold in golds:
        kinds[kind(gold)] += 1
        if fault := next(faults(gold), None):
            failed.append(f"{identity}: the gold {gold!r} {fault}")
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise InputError(f"{source}: {failed[0]}{more}; correct the gold in its reader, or how stages/answers reads it")
    return dict(sorted(kinds.items()))


def facts(golds: list[str]) -> dict[str, str]:
    """A row of the table in docs/answers.md: golds by kind, mutations and faults."""
    kinds = Counter(map(kind, golds))
    tried = [(gold, mutation) for gold in golds for mutation in mutations(gold)]
    refused = sum(not accepts(gold, form(gold)) for gold in golds for form in WRITTEN)
    return {
        "golds": f"{len(golds):,}",
        "kinds": ", ".join(f"{name} {count:,}" for name, count in kinds.most_common()),
        "refuse themselves": f"{refused:,}",
        "mutations tried": f"{len(tried):,}",
        "accepted wrongly": f"{sum(accepts(*pair) for pair in tried):,}",
    }


def faults(gold: str) -> Iterator[str]:
    """What is wrong with how a gold is graded, in words."""
    if not gold.strip():
        yield "is empty"
        return
    for form in WRITTEN:
        if not accepts(gold, form(gold)):
            yield f"refuses itself, written {form(gold)!r}"
    for mutation in mutations(gold):
        if accepts(gold, mutation):
            yield f"accepts {mutation!r}"


def accepts(gold: str, answer: str) -> bool:
    """What the grader says where it does not ask math-verify."""
    reading = gold_reading(gold)
    if reading is None:
        return same_text(gold, answer)
    try:
        return same(reading, read(answer))
    except Unreadable:
        return False


def mutations(gold: str) -> list[str]:
    """`gold` with one digit, sign, name or bracket changed, each once."""
    made = [*_digits(gold), *_signs(gold), *_names(gold)]
    if re.match(r"\$?\s*(?:\\left)?\s*[(\[].*,", gold):
        made += _brackets(gold)
    return list(dict.fromkeys(made))


def _digits(gold: str) -> Iterator[str]:
    for at, character in enumerate(gold):
        if character.isdigit():
            yield f"{gold[:at]}{(int(character) + 1) % 10}{gold[at + 1 :]}"


def _signs(gold: str) -> Iterator[str]:
    reading = gold_reading(gold)
    for found in SIGNED.finditer(gold):
        yield gold[: found.start()] + FLIP[found[0]] + gold[found.end() :]
    if isinstance(reading, Quantity) and not _is_zero(reading) and not gold.lstrip("$ ").startswith(("-", "+")):
        yield re.sub(r"^(\$?\s*(?:\\\$)?)(.*?)(\$?)$", r"\1-(\2)\3" if variables(reading.node) else r"\1-\2\3", gold)


def _is_zero(reading: Quantity) -> bool:
    return not variables(reading.node) and reading.node.kind != "infinity" and constant(reading.node) == 0


def _names(gold: str) -> Iterator[str]:
    """Each letter that stands for something, and each Greek one, by one that the gold does not have."""
    other = next(letter for letter in "qwzjyQWZ" if letter not in gold)
    hidden = [found.span() for found in COMMAND.finditer(gold)]
    for found in COMMAND.finditer(gold):
        if found[0][1:] in NAME_COMMANDS:
            yield f"{gold[: found.start()]}\\xi {gold[found.end() :]}"
    for at, character in enumerate(gold):
        if character.isalpha() and not any(start <= at < end for start, end in hidden) and not _is_writing(gold, at):
            yield gold[:at] + other + gold[at + 1 :]


def _is_writing(gold: str, at: int) -> bool:
    """Whether a letter says nothing: of an environment's name, of `np.`, the variable of a constant function."""
    return any(found.start() <= at < found.end() for found in WRITING.finditer(gold))


def _brackets(gold: str) -> Iterator[str]:
    places = [at for at, character in enumerate(gold) if character in "()[]"]
    for at in (places[0], places[-1]) if places else ():
        yield gold[:at] + FLIP[gold[at]] + gold[at + 1 :]


def kind(gold: str) -> str:
    """What a gold is, in words for a table."""
    reading = gold_reading(gold)
    return "literal" if reading is None else kind_of(reading)


def kind_of(reading: Reading) -> str:
    if isinstance(reading, Quantity):
        if reading.unit:
            return "number with a unit"
        if variables(reading.node):
            return "expression"
        plain = reading.node.parts[0] if reading.node.kind == "neg" else reading.node
        return "number" if plain.kind == "num" else "constant"
    if isinstance(reading, Relation):
        return "equation" if reading.signs == ("=",) else "relation"
    return {
        "Words": "words", "Choice": "choice", "Named": "equation of names", "Based": "number in a base", "Listed": "list",
        "Bracketed": "point or interval", "Matrix": "matrix", "Union": "union of sets",
    }[type(reading).__name__]  # fmt: skip
