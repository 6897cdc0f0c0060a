"""Sections -> one HTML file for screen and paper: figures and style are inside, nothing is fetched, no script."""

import html
import re

from stages.reporting.blocks import Notices, Picture, Section, Table, Text
from stages.reporting.figures import inline

# The light values of the series are those of figures.py; the dark ones keep hue and order at
# 4.5:1 on the dark ground.
STYLE = """
:root { color-scheme: light dark;
  --ink: #1b1f24; --muted: #59616b; --grid: #dfe2e6; --surface: #fdfdfd; --ground: #f4f5f7; --link: #0a5ea8;
    --notice: #fff6df; --edge: #c98a00;
  --series-0: #0072b2; --series-1: #d55e00; --series-2: #008a64; --series-3: #b8479a; --series-4: #8a6a00;
    --series-5: #2a8fc9; --series-6: #6a4fb3; }
@media (prefers-color-scheme: dark) { :root {
  --ink: #e8eaed; --muted: #a3abb5; --grid: #363c44; --surface: #1a1d21; --ground: #111317; --link: #7cb8f0;
    --notice: #2b2619; --edge: #d9a531;
  --series-0: #5ab0e8; --series-1: #ff8f45; --series-2: #35c79a; --series-3: #e58fcf; --series-4: #d9b648;
    --series-5: #9ad4f5; --series-6: #b3a1f2; } }
* { box-sizing: border-box; }
html { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif;
    background: var(--ground); color: var(--ink);
  -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 76rem; padding: 0 1rem 4rem; }
header { padding: 2rem 0 .5rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .75rem; }
h2 { font-size: 1.3rem; line-height: 1.25; margin: 0 0 1rem; }
p { max-width: 46rem; margin: 0 0 1rem; }
.lead { font-size: 1.08rem; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 3px solid var(--link); outline-offset: 2px;
    border-radius: 2px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--surface); padding: .5rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; margin: 0 0 1.5rem; padding: 0; }
section { background: var(--surface); border: 1px solid var(--grid); border-radius: 8px; padding: 1.25rem;
    margin: 0 0 1.25rem; }
code { font: .92em ui-monospace, "Liberation Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.notices { list-style: none; padding: .6rem 1rem; margin: 0 0 1.5rem; background: var(--notice);
    border-left: 4px solid var(--edge); }
.notices li { margin: .35rem 0; max-width: 62rem; }
.notices .remedy { display: block; margin: .2rem 0 .2rem 1rem; }
.pictures { display: grid; gap: 1.5rem 2rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
    margin: 0 0 1.5rem; align-items: start; }
figure { margin: 0; max-width: 37rem; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { color: var(--muted); font-size: .9rem; line-height: 1.45; margin-top: .25rem; }
.scroll { overflow-x: auto; margin: 0 0 1.5rem; }
table { border-collapse: collapse; font-size: .92rem; line-height: 1.4; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: 0 0 .5rem; }
caption span { display: block; max-width: min(46rem, calc(100vw - 5rem)); position: sticky; left: 0; }
th, td { padding: .3rem .8rem; text-align: right; white-space: nowrap; vertical-align: top;
    border-bottom: 1px solid var(--grid); }
.word { text-align: left; }
td.word { white-space: normal; min-width: 8rem; overflow-wrap: anywhere; }
thead th { border-bottom: 2px solid var(--muted); color: var(--muted); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 500; text-align: left; position: sticky; left: 0; background: var(--surface); }
tbody th[colspan] { font-weight: 700; padding-top: .9rem; position: static; }
tbody th[colspan] span { position: sticky; left: .2rem; }
th:first-child, td:first-child { padding-left: .2rem; }
details { margin: 0 0 1rem; }
summary { cursor: pointer; font-weight: 600; padding: .2rem 0; color: var(--link); }
@media (max-width: 40rem) { section { padding: 1rem .75rem; } th, td { padding: .3rem .55rem; } body {
    padding: 0 .5rem 3rem; } header, nav { padding-left: .5rem; padding-right: .5rem; } }
@media print {
  :root { color-scheme: light; --ink: #000; --muted: #444; --grid: #ccc; --surface: #fff; --ground: #fff;
    --link: #000; --notice: #fff; --edge: #777;
    --series-0: #0072b2; --series-1: #d55e00; --series-2: #008a64; --series-3: #b8479a; --series-4: #8a6a00;
    --series-5: #2a8fc9; --series-6: #6a4fb3; }
  html { font-size: 10pt; } nav, .skip { display: none; } section { border: 0; padding: 0; }
    figure, tr, .notices li { break-inside: avoid; }
  h2 { break-after: avoid; } .scroll { overflow: visible; } th, td { padding: .15rem .4rem; } table {
    font-size: 8pt; }
  .pictures { grid-template-columns: 1fr 1fr; } details::details-content { content-visibility: visible;
    block-size: auto; }
}
"""


def render(title: str, summary: str, sections: list[Section], figures: dict[str, str]) -> str:
    """The page. `figures` maps names to SVG text as `figures.draw` gives it."""
    links = "".join(f'<li><a href="#{section.identity}">{html.escape(section.title)}</a></li>' for section in sections)
    body = "\n".join(_section(section, figures) for section in sections)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header>
<h1>{html.escape(title)}</h1>
<p class="lead">{_text(summary)}</p>
</header>
<nav aria-label="Sections"><ul>{links}</ul></nav>
<main id="content">
{body}
</main>
</body>
</html>
"""


def _text(text: str) -> str:
    """Escaped text with `code` between backticks."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))


def _section(section: Section, figures: dict[str, str]) -> str:
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
    return (
        f'<section id="{section.identity}" aria-labelledby="{section.identity}-title">\n{heading}\n'
        + "\n".join(parts)
        + "\n</section>"
    )


def _block(block) -> str:
    match block:
        case Text():
            return f"<p>{_text(block.text)}</p>"
        case Notices():
            items = (
                _text(text) + (f' <code class="remedy">{html.escape(remedy)}</code>' if remedy else "")
                for text, remedy in block.items
            )
            return f'<ul class="notices" aria-label="Notices">{"".join(f"<li>{item}</li>" for item in items)}</ul>'
        case Table():
            return _table(block)


def _picture(picture: Picture, svg: str) -> str:
    drawing = inline(svg, picture.name, html.escape(picture.alt))
    return f"<figure>{drawing}<figcaption>{_text(picture.caption)}</figcaption></figure>"


def _table(table: Table) -> str:
    kind = ["word" if i < table.words else "" for i in range(len(table.header))]

    def cell(tag: str, text: str, i: int, scope: str = "") -> str:
        return f"<{tag}{' class=word' if kind[i] else ''}{scope}>{_text(text)}</{tag}>"

    head = "".join(cell("th", text, i, ' scope="col"') for i, text in enumerate(table.header))
    bodies = []
    for name, rows in table.groups:
        lines = [f'<tr><th colspan="{len(kind)}" scope="rowgroup"><span>{_text(name)}</span></th></tr>'] if name else []
        for row in rows:
            cells = (cell("td", text, i) for i, text in enumerate(row) if i)
            lines.append(f"<tr>{cell('th', row[0], 0, ' scope=row')}{''.join(cells)}</tr>")
        bodies.append(f"<tbody>{''.join(lines)}</tbody>")
    label = html.escape(table.caption, quote=True)
    caption = "" if table.folded else f"<caption><span>{_text(table.caption)}</span></caption>"
    drawn = (
        '<div class="scroll" role="region" tabindex="0"'
        f' aria-label="{label}"><table>{caption}<thead><tr>{head}</tr></thead>'
        f"{''.join(bodies)}</table></div>"
    )
    return f"<details><summary>{_text(table.caption)}</summary>{drawn}</details>" if table.folded else drawn
