r"""Units, currencies, degrees and percent beside a number.

`7\text{ cm}`, `7 cm`, `\$7` and `75^\circ` are a number and a unit. A single letter is a unit only where it is upright,
`6\text{ m}`: `6m` is six times m. Words that change what the number says ("million", "or", "if") are no unit.
"""

import re
from typing import NamedTuple

PERCENT = "percent"
DEGREE = "degree"
# names of one unit; the first is the one that is compared
SAME = (
    ("meter", "m", "metre", "meters"), ("centimeter", "cm", "centimetre"), ("millimeter", "mm", "millimetre"), ("kilometer", "km", "kilometre"),
    ("inch", "in", "inches"), ("foot", "ft", "feet"), ("mile", "mi"), ("yard", "yd"), ("gram", "g", "gm"), ("kilogram", "kg", "kilo"),
    ("second", "s", "sec"), ("minute", "min"), ("hour", "h", "hr"), ("year", "yr"), ("dollar", "usd", "bucks"), ("cent", "c", "¢"), ("euro", "€", "eur"), ("pound", "lb", "lbs", "£"),
    ("unit",), (DEGREE, "deg", "degs"), ("radian", "rad"), (PERCENT, "percentage", "pct", "%"), ("liter", "l", "litre"), ("milliliter", "ml"), ("joule", "j"), ("kilojoule", "kj"), ("newton", "n"), ("watt", "w"),
    ("volt", "v"), ("hertz", "hz"), ("kelvin", "k"), ("pascal", "pa"), ("mol", "mole"), ("electronvolt", "ev"), ("nanometer", "nm"), ("angstrom",), ("erg",), ("mph",), ("parsec", "pc"), ("amu",), ("acre",), ("gallon", "gal"), ("ounce", "oz"),
    ("day",), ("week",), ("month",), ("square",), ("cubic",), ("person", "people"), ("child", "children"), ("man", "men"), ("woman", "women"), ("way",), ("point", "pt", "pts"), ("time",), ("student",), ("apple",), ("coin",), ("book",), ("page",), ("number",), ("solution",), ("digit",), ("side",), ("sq",),
)  # fmt: skip
NAMES = {name: names[0] for names in SAME for name in names}
NO_UNITS = frozenset(
    [
        "hundred",
        "thousand",
        "million",
        "billion",
        "trillion",
        "dozen",
        "score",
        "half",
        "halve",
        "third",
        "quarter",
        "fifth",
        "tenth",
        "hundredth",
        "thousandth",
        "pair",
        "and",
        "or",
        "not",
        "no",
        "if",
        "for",
        "when",
        "where",
        "with",
        "mod",
        "modulo",
        "base",
        "to",
        "because",
        "since",
        "but",
        "only",
        "except",
        "at",
        "least",
        "most",
        "more",
        "less",
        "than",
        "between",
        "from",
        "minus",
        "plus",
        "is",
        "are",
        "squared",
        "cubed",
        "all",
        "any",
        "unless",
        "nor",
        "either",
        "choose",
        "factorial",
        "over",
        "infinity",
        "remainder",
    ]
)
FUNCTION = re.compile(r"(?:arc|sin|cos|tan|cot|sec|csc|log|exp|sqrt|frac|ln)")
WORD = r"[A-Za-zµμ%€£¢][A-Za-zµμ.'-]*"
UPRIGHT = re.compile(
    r"(?<![_^{\\A-Za-z])\s*((?:\\text\{[^{}]*\}|[*/]\s*(?=\\text)|\s|\^\s*(?:\{\s*-?\d\s*\}|-?\d)(?![^ ]*[+=]))*\\text\{[^{}]*\}(?:\s*\^\s*(?:\{\s*-?\d\s*\}|-?\d))?)$"
)
PLAIN = re.compile(rf"(?<=[\d)}}])\s*((?:{WORD})(?:[ /*]+{WORD}|\s*\^\s*(?:\{{-?\d\}}|-?\d))*)$")
CIRCLE = re.compile(r"\s*(?:\^\s*\\circ|\^\s*\{\s*\\circ\s*\})\s*(?:(?:\\text\{\s*)?([CFK])(?:\s*\})?)?$")
CURRENCY = re.compile(r"^(-?)\s*(\\\$|€|£|\\text\{\s*(?:\\\$|USD)\s*\})\s*(?=[\d.-])")

Unit = tuple[tuple[str, int], ...]  # names and their powers, sorted


class Measured(NamedTuple):
    """What stands beside the unit, and the unit; () where there is none."""

    number: str
    unit: Unit


def measured(text: str) -> Measured:
    """`text` (in one spelling) parted into a number or formula and its unit."""
    if found := CURRENCY.match(text):
        sign = {"€": "euro", "£": "pound"}.get(found[2], "dollar")
        rest = measured(found[1] + text[found.end() :])
        return Measured(rest.number, rest.unit or ((sign, 1),))
    if text.endswith("%") and len(text) > 1:
        return Measured(text[:-1].strip(), ((PERCENT, 1),))
    if found := CIRCLE.search(text):
        return Measured(text[: found.start()].strip(), ((DEGREE, 1),))
    for pattern, known in ((UPRIGHT, False), (PLAIN, True)):
        found = pattern.search(text)
        if found and found.start() > 0 and (unit := _unit(found[0], known)):
            return Measured(text[: found.start(1)].strip().removesuffix("*").strip(), unit)
    return Measured(text, ())


def compatible(gold: Unit, answer: Unit) -> bool:
    """Whether an answer may have that unit: none where the gold has one, any where it has none, else the same."""
    return not gold or not answer or gold == answer


def _unit(text: str, known: bool) -> Unit:
    """Names with powers; () if it is none. `known`: as `_known` has it."""
    text = re.sub(r"\\text\{\s*(?:\(([^(){}]*)\)|([^{}]*))\s*\}", r" \1\2 ", text).replace("*", " ")
    powers: dict[str, int] = {}
    sign, square = 1, 1
    for part in re.findall(rf"/|\^\s*\{{?\s*(-?\d)\s*\}}?|({WORD})|(\S)", text):
        exponent, word, other = part
        if exponent:
            if not powers:
                return ()
            last = next(reversed(powers))
            powers[last] = powers[last] * int(exponent)
        elif word:
            name = word.lower().strip(".'-")
            if name == "per":
                sign = -1
                continue
            if {name, name.removesuffix("s")} & NO_UNITS or (known and not _known(name, text)):
                return ()
            if name in ("square", "sq", "cubic"):
                square = 3 if name == "cubic" else 2
                continue
            name = _name(name) or name
            powers[name] = powers.get(name, 0) + sign * square
            sign = square = 1
        elif other:
            return ()
        else:
            sign = -1
    return tuple(sorted((name, power) for name, power in powers.items() if power))


def _known(name: str, text: str) -> bool:
    """Without an upright font, a unit is a name of the table, or a word of four letters or more that stands apart."""
    if _name(name) is not None:
        return len(name) > 1
    return len(name) > 3 and text.startswith(" ") and not FUNCTION.match(name)


def _name(word: str) -> str | None:
    """The name by which the table knows a unit, in singular or plural."""
    for form in (word, word.removesuffix("s"), word.removesuffix("es")):
        if form in NAMES:
            return NAMES[form]
    return None
