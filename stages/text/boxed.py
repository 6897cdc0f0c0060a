r"""The boxed answer of a text: what stands in its last `\boxed{}`. Training rewards and graders read answers there."""

import re

OPENING = re.compile(r"\\(?:boxed|fbox)\s*\{")
EMPTY = re.compile(r"(?:\s|\\[,;:! ]|[~$.…?_{}]|\\(?:text|mathrm|[lc]?dots|q?quad|square)(?![A-Za-z]))*")


def last_boxed_answer(text: str) -> str | None:
    r"""What stands in the last `\boxed{…}` or `\fbox{…}`, stripped; None if there is none or the last never closes.

    Braces nest; `\{` and `\}` are text. Where the last one is cut off, an earlier one does not count in its place; where
    it is empty, the last that is not does. Of `\boxed{\boxed{5}}` the inner one counts.
    """
    starts = [match.end() for match in OPENING.finditer(text)]
    if not starts:
        return None
    last = _content(text, starts[-1])
    if last is None or not EMPTY.fullmatch(last):
        return last
    earlier = (_content(text, start) for start in reversed(starts[:-1]))
    return next((content for content in earlier if content and not EMPTY.fullmatch(content)), last)


def _content(text: str, start: int) -> str | None:
    """What stands between `start` and the brace that closes before it opens another; None if none does."""
    depth, position = 1, start
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1  # the next character is escaped
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return text[start:position].strip()
        position += 1
    return None
