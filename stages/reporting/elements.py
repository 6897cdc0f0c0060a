"""Sections and their blocks -> HTML."""

import html
import re

from stages.reporting.blocks import Notices, Picture, Room, Section, Table, Text
from stages.reporting.figures import Figure

SENTENCE = 40  # characters from which on a column needs room to be read


def inline(text: str) -> str:
    """Escaped text with `code` between backticks."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))


def section(section: Section, figures: dict[str, Figure]) -> str:
    """Neighbouring pictures share a grid."""
    parts, pictures = [], []
    for block in [*section.blocks, None]:
        if isinstance(block, Picture):
            pictures.append(_picture(block, figures[block.name]))
            continue
        if pictures:
            parts.append(f'<div class="pictures">{"".join(pictures)}</div>')
            pictures = []
        if block is not None:
            parts.append(_block(block))
    heading = f'<h2 id="{section.identity}-title">{html.escape(section.title)}</h2>'
    opening = f'<section id="{section.identity}" aria-labelledby="{section.identity}-title">'
    return "\n".join([opening, heading, *parts, "</section>"])


def _block(block) -> str:
    match block:
        case Text():
            return f"<p>{inline(block.text)}</p>"
        case Notices():
            items = (
                inline(text) + (f' <code class="remedy">{html.escape(remedy)}</code>' if remedy else "")
                for text, remedy in block.items
            )
            return f'<ul class="notices" aria-label="Notices">{"".join(f"<li>{item}</li>" for item in items)}</ul>'
        case Room():
            return f'<div id="{block.name}"></div>'
        case Table():
            return _table(block)


def _picture(picture: Picture, figure: Figure) -> str:
    panels = "".join(
        f'<div class="panel" data-figure="{picture.name}" data-panel="{i}" style="min-height: {panel.height + 60}px"></div>'
        for i, panel in enumerate(figure.panels)
    )
    wide = " class=wide" if len(figure.panels) > 1 else ""
    source = f'<a href="figures/{picture.name}.svg">SVG</a>'
    caption = f"<figcaption>{inline(picture.caption)} {source}</figcaption>"
    return f'<figure{wide}><div class="panels">{panels}</div>{caption}</figure>'


def _table(table: Table) -> str:
    longest = [max((len(row[i]) for _, rows in table.groups for row in rows), default=0) for i in range(table.words)]
    kind = [' class="word long"' if length > SENTENCE else ' class="word"' for length in longest]
    kind += [""] * (len(table.header) - table.words)

    def cell(tag: str, text: str, i: int, scope: str = "") -> str:
        return f"<{tag}{kind[i]}{scope}>{inline(text)}</{tag}>"

    head = "".join(cell("th", text, i, ' scope="col"') for i, text in enumerate(table.header))
    bodies = []
    for name, rows in table.groups:
        title = f'<tr class="group"><th colspan="{len(kind)}" scope="rowgroup"><span>{inline(name)}</span></th></tr>'
        lines = [title] if name else []
        for row in rows:
            cells = (cell("td", text, i) for i, text in enumerate(row) if i)
            lines.append(f"<tr>{cell('th', row[0], 0, ' scope=row')}{''.join(cells)}</tr>")
        bodies.append(f"<tbody>{''.join(lines)}</tbody>")
    label = html.escape(table.caption, quote=True)
    caption = "" if table.folded else f"<caption><span>{inline(table.caption)}</span></caption>"
    drawn = (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{label}"><table id="table-{table.name}">{caption}'
        f"<thead><tr>{head}</tr></thead>{''.join(bodies)}</table></div>"
    )
    return f"<details><summary>{inline(table.caption)}</summary>{drawn}</details>" if table.folded else drawn
