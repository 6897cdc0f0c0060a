r"""The fenced blocks of a reply, as models write them rather than as CommonMark asks.

A fence is three or more backticks or tildes. An opening one may be indented, may follow words on its line, and may bear
any label: `python3`, `PYTHON`, `{.python}`, `python title="a.py"`. A block ends at a line with nothing but a fence of its
kind, at a fence that ends a line of code, at the next fence with a label (the block before was never closed), at
`</think>`, or with the text. Lines may end in CR LF.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

FENCE = r"(`{3,}|~{3,})"
OPENING = re.compile(rf"^(?P<before>.*?){FENCE}(?P<label>[^`~]*)$")
ON_ONE_LINE = re.compile(rf"^\s*{FENCE}(?P<label>[\w+#.]+)[ \t]+(?P<code>\S.*?)\s*{FENCE}\s*$")
CLOSING = re.compile(rf"^(?P<code>.*?){FENCE}\s*$")
LABEL = re.compile(r"[a-z][a-z+#]*")
PYTHON = ("python", "py", "pypy", "ipython", "sage")
END_OF_THOUGHT = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
FURTHER_ENDS = 8  # closing fences that may belong to a text within the code


class Block(NamedTuple):
    language: str  # the label's first word in lower case without version, "" without a label
    code: str

    @property
    def is_python(self) -> bool:
        return self.language in PYTHON


def code_blocks(text: str, compiles: Callable[[str], bool]) -> list[Block]:
    """All blocks, in their order. A fence inside a text of the code ends the block only if the code `compiles` so far."""
    return [block for part in END_OF_THOUGHT.split(lines_of(text)) for block in _blocks_of(part.split("\n"), compiles)]


def before_first_fence(text: str) -> str | None:
    """What stands before a lone closing fence, where the prompt held the opening one; None where there is no fence."""
    lines = _after_thought(text).split("\n")
    ends = [number for number, line in enumerate(lines) if (found := CLOSING.match(line)) and not found["code"].strip()]
    return "\n".join(lines[: ends[0]]) if ends else None


def without_thought(text: str) -> str:
    """What follows `</think>`, all of the text where it does not occur; lines end in LF."""
    return _after_thought(text)


def lines_of(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _after_thought(text: str) -> str:
    return END_OF_THOUGHT.split(lines_of(text))[-1]


def _blocks_of(lines: list[str], compiles: Callable[[str], bool]) -> Iterator[Block]:
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if single := ON_ONE_LINE.match(line):
            yield Block(_language(single["label"]), single["code"])
        elif (opening := OPENING.match(line)) and not (opening["before"].strip() and " " in opening["label"].strip()):
            code, number = _code_from(lines, number, opening[2], compiles)
            yield Block(_language(opening["label"]), code)


def _code_from(lines: list[str], start: int, fence: str, compiles: Callable[[str], bool]) -> tuple[str, int]:
    """The code of a block that begins at line `start`, and the number of the line after it."""
    ends = _ends(lines, start, fence)
    for code, after in ends:
        if compiles(code):
            return code, after
    return ends[0]


def _ends(lines: list[str], start: int, fence: str) -> list[tuple[str, int]]:
    """Where the block may end, nearest first: its code, and the number of the line after it."""
    found: list[tuple[str, int]] = []
    for number in range(start, len(lines)):
        line = lines[number]
        if "```" not in line and "~~~" not in line:
            continue
        code, closing, opening = "\n".join(lines[start:number]), CLOSING.match(line), OPENING.match(line)
        if closing and closing[2][0] == fence[0] and len(closing[2]) >= len(fence):
            last = closing["code"]
            found.append((f"{code}\n{last}" if last.strip() else code, number + 1))
        elif opening and not opening["before"].strip() and _language(opening["label"]):
            found.append((code, number))
        if len(found) > FURTHER_ENDS:
            break
    return found or [("\n".join(lines[start:]), len(lines))]


def _language(label: str) -> str:
    r"""`{.python .numberLines}` is python, and so are `python3`, `Python 3.11` and `python title="a"`."""
    found = LABEL.search(label.lower())
    return found[0] if found else ""
