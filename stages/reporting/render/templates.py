"""The page's templates. All text is escaped on its way in; only what is marked as ours is not."""

import re

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from stages.reporting.render.assets import FOLDER
from stages.reporting.sections.blocks import Table

SENTENCE = 40  # characters from which on a column needs room to be read


def inline(text: str) -> Markup:
    """Escaped text with `code` between backticks."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))


def column_classes(table: Table) -> list[Markup]:
    """The class attribute of each column's cells: columns of words, and those of long ones; none for numbers."""
    rows = [row for _, rows in table.groups for row in rows]
    longest = [max((len(row[i]) for row in rows), default=0) for i in range(table.words)]
    words = [Markup(' class="word long"' if length > SENTENCE else ' class="word"') for length in longest]
    return words + [Markup("")] * (len(table.header) - table.words)


def environment() -> Environment:
    """Templates of `assets/`; an unknown name in one is an error."""
    found = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"inline": inline, "column_classes": column_classes}
    return found
