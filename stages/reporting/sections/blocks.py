"""What a report is made of, before it is drawn. `code` in a text stands between backticks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

from stages.reporting.sections.numbers import MISSING

Group = tuple[str, list[list[str]]]  # title of the rows, which may be empty; rows


@dataclass(frozen=True)
class Text:
    kind: ClassVar[str] = "text"
    text: str


class Notice(NamedTuple):
    """A short statement that a reader must see, and the line to type, if there is one."""

    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Notices:
    kind: ClassVar[str] = "notices"
    items: list[Notice]


@dataclass(frozen=True)
class Table:
    """Groups of rows under one header; the first cell of a row is its header.

    `name` is that of `tables/<name>.tex`. The first `words` columns hold words and are set left, the others hold numbers
    and are set right. A `folded` table is shown when its caption is clicked.
    """

    kind: ClassVar[str] = "table"
    name: str
    caption: str
    header: list[str]
    groups: list[Group]
    words: int = 1
    folded: bool = False

    @property
    def align(self) -> str:
        """A letter a column: l or r."""
        return "l" * self.words + "r" * (len(self.header) - self.words)

    @property
    def rows(self) -> list[list[str]]:
        """All rows in order; a group's title is a row of one cell before its rows."""
        return [row for title, rows in self.groups for row in ([[title]] if title else []) + rows]

    def without_empty_columns(self) -> "Table":
        """The table without the columns that hold nothing in any row; the first one stays, as it is the rows' header."""
        rows = [row for _, rows in self.groups for row in rows]
        kept = [
            n for n in range(len(self.header)) if n == 0 or not rows or any(row[n] not in ("", MISSING) for row in rows)
        ]
        groups = [(title, [[row[n] for n in kept] for row in rows]) for title, rows in self.groups]
        words = sum(n < self.words for n in kept)
        return replace(self, header=[self.header[n] for n in kept], groups=groups, words=words)


@dataclass(frozen=True)
class Picture:
    """A figure by its name in `figures/`; `alt` is what a screen reader says."""

    kind: ClassVar[str] = "picture"
    name: str
    alt: str
    caption: str


@dataclass(frozen=True)
class OnDemand:
    """What the page shows when the reader asks for it, from side files: `browser`, `hours` or `origin`. Absent from text."""

    kind: ClassVar[str] = "on_demand"
    name: str


Block = Text | Notices | Table | Picture | OnDemand


@dataclass(frozen=True)
class Section:
    identity: str
    title: str
    blocks: Sequence[Block]
