"""What a report is made of, before it is a page or a text. `code` in a text stands between backticks."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Notices:
    """Short statements that a reader must see; `remedy` is a line to type, or empty."""

    items: list[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """Groups of rows under one header. A group's name may be empty; the first cell of a row is its header.

    `name` is that of `tables/<name>.tex`. `words` counts the leading columns that hold words (set left); the others
    hold numbers (set right). `folded` tables are shown on demand.
    """

    name: str
    caption: str
    header: list[str]
    groups: list[tuple[str, list[list[str]]]]
    words: int = 1
    folded: bool = False


@dataclass(frozen=True)
class Picture:
    """A figure by its name in `figures/`; `alt` is what a screen reader says."""

    name: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Room:
    """A place that the page fills on demand from side files: `browser` or `hours`. Nothing on paper."""

    name: str


@dataclass(frozen=True)
class Section:
    identity: str
    title: str
    blocks: list = field(default_factory=list)
