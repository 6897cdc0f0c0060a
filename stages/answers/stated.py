r"""The answer of a text that has no boxed one: what it says after "the answer is" or "Answer:".

A number that merely comes last in a text is no answer.
"""

import re

ANCHOR = re.compile(r"\banswers?\b[^.\n:=$\\]{0,80}?(?:\b(?:is|are|be)\b|:|=)", re.IGNORECASE)
FILLER = re.compile(
    r"(?:[\s:*_]|\b(?:approximately|about|roughly|therefore|thus|simply|just|indeed|exactly|given by|the following)\b)*",
    re.IGNORECASE,
)
MATHS = re.compile(
    r"\$\$(.+?)\$\$|\$(?!\s*\d[\d,.]*(?:\s|\.?$)(?![^\n]*\$))((?:\\[^\n]|[^$\\\n])+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]",
    re.DOTALL,
)
JOINED = re.compile(r"\s*(?:,?\s*(?:and|or)\b|,)\s*(?=\$|\\\(|\\\[)")
END = re.compile(
    r"\.(?=\s|$|\*)|\*\*|[;!?\n]|,?\s+(?:because|since|as|which|so|where|therefore|hence|thus|that|assuming|after)\b|\s\((?=[a-z])"
)
COUNTED = re.compile(r"([-+]?(?:\\\$)?[-+]?\d[\d.,]*(?:/\d+)?)\s+([A-Za-z][A-Za-z -]*)")


def stated_answer(text: str) -> str | None:
    """What stands after the last anchor that has something after it; None without any."""
    for found in reversed(list(ANCHOR.finditer(text))):
        rest = text[found.end() :]
        rest = rest[FILLER.match(rest).end() :]  # type: ignore[union-attr]  # it matches nothing as well
        if answer := _first(rest):
            return answer
    return None


def _first(rest: str) -> str:
    """A formula between delimiters, and those that are joined to it; else the text to the end of its clause."""
    parts, at = [], 0
    while found := MATHS.match(rest, at):
        parts.append(next(filter(None, found.groups())).strip())
        joined = JOINED.match(rest, found.end())
        at = joined.end() if joined else found.end()
        if not joined:
            break
    if parts:
        percent = "%" if re.match(r"\s*\\?%", rest[at:]) else ""
        return " ; ".join(parts) + percent
    plain = re.sub(r"^\$(?=\s*\d)", r"\\$", END.split(rest, maxsplit=1)[0]).strip()
    if counted := COUNTED.fullmatch(plain):  # words after a number are its unit
        return rf"{counted[1]}\text{{ {counted[2]}}}" if not re.search(r"\b(?:and|or)\b", counted[2]) else plain
    return plain
