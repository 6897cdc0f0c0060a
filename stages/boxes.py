r"""The last `\boxed{}` of a reply: where training rewards and graders alike read the answer."""

import re

BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")


def last_box(reply: str) -> str | None:
    r"""What stands in the last `\boxed{…}` or `\fbox{…}`, stripped; None if there is no box or the last never closes.

    Braces nest; `\{` and `\}` are text. An earlier box does not stand in for a last one that was cut off. Of a box
    in a box the inner one counts.
    """
    starts = [match.end() for match in BOX.finditer(reply)]
    if not starts:
        return None
    depth, position = 1, starts[-1]
    while position < len(reply):
        character = reply[position]
        if character == "\\":
            position += 1  # the next character is escaped
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return reply[starts[-1] : position].strip()
        position += 1
    return None
