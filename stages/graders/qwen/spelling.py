r"""The spelling in which Qwen2.5-Math compares an answer: without units, `\left`, dollars, percent signs and spaces.

The steps and their order are the rule's: each works on what the one before has left, inside formulas as well. So `a`, `c`, `g`,
`h`, `m`, `s` and `t` vanish as units where they stand alone, `x=` vanishes anywhere, and `inf` is infinity.
"""

import re

from stages.graders.qwen.number_words import number_in_words

# In the rule's order; two stand twice, and a dot stands for any character. Some are damaged where the rule has them so.
UNITS = (
    "east|degree|mph|kmph|ft|m sqaure| m east|sq m|deg|mile|q .|monkey|prime|ratio|profit of rs|rd|o|gm|p . m|lb|tile|per|dm|lt|"
    "gain|ab|way|west|a .|b .|c .|d .|e .|f .|g .|h .|t|a|h|no change|men|soldier|pie|bc|excess|st|inches|noon|percent|by|gal|kmh|"
    "c|acre|rise|a . m|th|π r 2|sq|mark|l|toy|coin|sq . m|gallon|° f|profit|minw|yr|women|feet|am|pm|hr|cu cm|square|v â € ™|are|"
    "rupee|rounds|cubic|cc|mtr|s|ohm|number|kmph|day|hour|minute|min|second|man|woman|sec|cube|mt|sq inch|mp|∏ cm ³|hectare|more|"
    "sec|unit|cu . m|cm 2|rs .|rs|kg|g|month|km|m|cm|mm|apple|liter|loss|yard|pure|year|increase|decrease|d|less|Surface|litre|"
    "pi sq m|s .|metre|meter|inch"
)
UNIT_PATTERNS = [re.compile(rf"(^|\W){unit}{end}($|\W)") for end in ("", "s") for unit in UNITS.split("|")]
UNIT_ROUNDS = 2
NAMES = [f"{name}{sign}" for sign in ("=", r"\in", r"\to") for name in "xyz"]

FIRST = [
    (r"\end{array}", r"\end{pmatrix}"),
    ("bmatrix", "pmatrix"),
    ("tfrac", "frac"),
    ("dfrac", "frac"),
    (r"\neq", r"\ne"),
    (r"\leq", r"\le"),
    (r"\geq", r"\ge"),
    (r"\left", ""),
    (r"\right", ""),
    (r"\{", "{"),
    (r"\}", "}"),
]
AFTER_UNITS = [(sign, "") for sign in (r"^{\circ}", r"^\circ", r"\$", "$", r"\(", r"\)")]
AFTER_WORDS = [
    *((name, "") for name in NAMES),
    (r"\emptyset", "{}"),
    (r"(-\infty,\infty)", r"\mathbb{R}"),
    (r"\%", ""),
    ("%", ""),
    (" .", " 0."),
    ("{.", "{0."),
    ("infinity", r"\infty"),
]
LAST = [(r"+\inity", r"\infty"), ("and", ""), (r"\mathbf", "")]


def spelled(answer: str) -> str:
    """`answer` in the rule's spelling."""
    text = answer.strip().replace("\n", "").rstrip(".").replace(r"\!", "")
    text = re.sub(r"\\begin\{array\}\{.*?\}", r"\\begin{pmatrix}", text)
    text = _without_units(_without_last_text(_replaced(text, FIRST)))
    text = _replaced(text, AFTER_UNITS)
    number = number_in_words(text)
    text = re.sub(r"\\text\{(.*?)\}", r"\1", text if number is None else str(number))
    text = _replaced(text, AFTER_WORDS)
    if r"\infty" not in text:
        text = text.replace("inf", r"\infty")
    text = re.sub(r"\\mbox{.*?}", "", _replaced(text, LAST))
    if "j" in text and "i" not in text:  # the imaginary unit
        text = text.replace("j", "i")
    text = _without_zero_decimals(text)
    text = f"0{text}" if text.startswith(".") else text
    sides = text.split("=")
    if len(sides) == 2 and len(sides[0]) <= 2:  # a name before the equality sign
        text = sides[1]
    text = re.sub(r"\\sqrt(\w+)", r"\\sqrt{\1}", text).replace(" ", "")
    return _with_fraction_for_slash(_with_braces_of_fractions(text))


def _replaced(text: str, pairs: list[tuple[str, str]]) -> str:
    for before, after in pairs:
        text = text.replace(before, after)
    return text


def _without_last_text(text: str) -> str:
    r"""Without the first `\text{` and all behind it, where the text ends with a brace and something stands before."""
    shorter = re.sub(r"\\text{.*?}$", "", text).strip()
    return shorter or text


def _without_units(text: str) -> str:
    """A unit that is all there is stays."""
    for _ in range(UNIT_ROUNDS):
        for pattern in UNIT_PATTERNS:
            text = pattern.sub(r"\1\2", text) or text
    return text


def _without_zero_decimals(text: str) -> str:
    text = re.sub(r"(\d+)\.0*([^\d])", r"\1\2", text)
    return re.sub(r"(\d+)\.0*$", r"\1", text)


def _with_braces_of_fractions(text: str) -> str:
    r"""`\frac12` as `\frac{1}{2}`; the whole as it was where a `\frac` has no two characters behind it."""
    first, *others = text.split(r"\frac")
    parts = [first]
    for part in others:
        if not part.startswith("{"):
            if len(part) < 2:
                return text
            below = part[1:] if part[1] == "{" else f"{{{part[1]}}}{part[2:]}"
            part = f"{{{part[0]}}}{below}"
        parts.append(part)
    return r"\frac".join(parts)


def _with_fraction_for_slash(text: str) -> str:
    """`a/b` of whole numbers, or of what has a root, as a fraction."""
    sides = text.split("/")
    if len(sides) == 2 and all("sqrt" in side or _is_whole(side) for side in sides):
        return rf"\frac{{{sides[0]}}}{{{sides[1]}}}"
    return text


def _is_whole(text: str) -> bool:
    """Whether `text` is a whole number as Python writes it."""
    return re.fullmatch("-?[1-9][0-9]*|0", text) is not None
