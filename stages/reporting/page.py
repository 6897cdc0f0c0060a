"""Sections -> one HTML file for screen and paper. Style, scripts, data and the drawing library are inside; the page's
policy forbids it to fetch anything but the side files beside it, which it loads on demand.
"""

import html
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import vl_convert

from stages.reporting import elements, latex, palette
from stages.reporting.blocks import Picture, Section
from stages.reporting.datasets import records
from stages.reporting.figures import Figure, preselected, with_legend
from stages.reporting.gains import REFERENCE
from stages.reporting.load import BASE, Results

ASSETS = Path(__file__).with_name("assets")
SCRIPTS = ("core.js", "tables.js", "figures.js", "browser.js")
# The drawing library compiles a figure's expressions, hence unsafe-eval; nothing may come from another place.
POLICY = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' 'self' file:; style-src 'unsafe-inline'; img-src data:"
LIGHT_PAGE = {"ground": "#f4f5f7", "link": "#0a5ea8", "notice": "#fff6df", "edge": "#c98a00", "right": "#00734f",
              "wrong": "#b42318"}  # fmt: skip
DARK_PAGE = {"ground": "#111317", "link": "#7cb8f0", "notice": "#2b2619", "edge": "#d9a531", "right": "#35c79a",
             "wrong": "#ff8a7a"}  # fmt: skip


def render(
    title: str,
    summary: str,
    sections: list[Section],
    results: Results,
    figures: dict[str, Figure],
    datasets: dict[str, pd.DataFrame],
) -> str:
    """The page. `figures` and `datasets` are those of `figures.draw` and `datasets.data`."""
    first, *others = (elements.section(section, figures) for section in sections)
    body = "\n".join([first, _selector(results), *others])
    return _document(title, summary, sections, body, _content(results, sections, figures, datasets), SCRIPTS)


def plain(title: str, summary: str, sections: list[Section]) -> str:
    """A page of tables and texts only; they sort and copy as those of the report."""
    body = "\n".join(elements.section(section, {}) for section in sections)
    return _document(title, summary, sections, body, {"latex": latex.ESCAPED}, SCRIPTS[:2])


def _document(
    title: str, summary: str, sections: list[Section], body: str, content: dict[str, Any], scripts: tuple[str, ...]
) -> str:
    links = "".join(f'<li><a href="#{section.identity}">{html.escape(section.title)}</a></li>' for section in sections)
    data = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
    data = data.replace("<", "\\u003c")  # no text in it may end the script
    library = f"<script>{_library()}</script>\n" if "figures" in content else ""
    own = "\n".join(f"<script>\n{_script(ASSETS / name)}</script>" for name in scripts)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
<style>{_style()}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header>
<h1>{html.escape(title)}</h1>
<p class="lead">{elements.inline(summary)}</p>
</header>
<nav aria-label="Sections"><ul>{links}</ul></nav>
<main id="content">
{body}
</main>
<noscript><p>Without scripts the tables are all here; figures are in figures/, samples in the run folders.</p></noscript>
<script type="application/json" id="data">{data}</script>
{library}{own}
</body>
</html>
"""


def _style() -> str:
    light, dark = ({**a, **b} for a, b in ((palette.PRINT, LIGHT_PAGE), (palette.DARK, DARK_PAGE)))
    paper = {**light, "surface": "#fff", "ground": "#fff", "notice": "#fff", "link": "#000"}
    return (
        f":root {{ color-scheme: light dark; {palette.declarations(light)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {palette.declarations(dark)} }} }}\n"
        f"@media print {{ :root {{ color-scheme: light; {palette.declarations(paper)} }} }}\n"
        f"{(ASSETS / 'page.css').read_text(encoding='utf-8')}"
    )


@cache
def _library() -> str:
    """Vega, Vega-Lite and Vega-Embed as vl-convert carries them."""
    return _closed(vl_convert.javascript_bundle())


def _script(path: Path) -> str:
    return _closed(path.read_text(encoding="utf-8"))


def _closed(text: str) -> str:
    """No text of a script may end it."""
    return re.sub(r"</(?=script)", r"<\\/", text, flags=re.IGNORECASE)


def _content(
    results: Results, sections: list[Section], figures: dict[str, Figure], datasets: dict[str, pd.DataFrame]
) -> dict[str, Any]:
    """What the scripts read. Tables go by columns, which is half the size of rows."""
    alt = {b.name: b.alt for section in sections for b in section.blocks if isinstance(b, Picture)}
    benchmarks = list(dict.fromkeys(benchmark for _, benchmark in results.grades))
    return {
        "profile": results.plan.profile,
        "figures": {name: _specifications(figure, alt[name]) for name, figure in figures.items()},
        "data": {name: _columns(table) for name, table in datasets.items()},
        "config": palette.CONFIG | {"font": "system-ui, sans-serif"},
        "benchmarks": benchmarks,
        "runs": [run.name for run in results.runs],
        "graded": {name: {run: 1 for run, other in results.grades if other == name} for name in benchmarks},
        "latex": latex.ESCAPED,
    }


def _specifications(figure: Figure, alt: str) -> list[dict[str, Any]]:
    found = []
    for panel in figure.panels:
        specification = with_legend(panel.properties(width="container").to_dict(validate=False), None)
        specification.pop("config")
        found.append({**specification, "data": {"name": figure.data}, "description": f"{panel.title}. {alt}"})
    return found


def _columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    rows = records(table)
    return {name: [row[name] for row in rows] for name in table}


def _selector(results: Results) -> str:
    """A box a model, with its line as in the figures."""
    styles, models = palette.styles(results.models, REFERENCE, BASE), results.models
    first = preselected(results)
    labels = []
    for model in models:
        colour, dash, width = styles[model]
        stroke = f'stroke="{colour}" stroke-width="{width}" stroke-dasharray="{" ".join(map(str, dash)) or "none"}"'
        checked = " checked" if model in first else ""
        labels.append(
            f'<label><input type="checkbox" value="{html.escape(model)}"{checked}>'
            f'<svg viewBox="0 0 34 10" aria-hidden="true"><line x1="0" y1="5" x2="34" y2="5" {stroke}/></svg>'
            f"{html.escape(model)}</label>"
        )
    choices = {"all": models, "none": []} | ({"fewer": first} if len(first) < len(models) else {})
    buttons = "".join(
        f'<button type="button" data-select="{html.escape(json.dumps(names))}">{title}</button>'
        for title, names in choices.items()
    )
    return (
        '<details id="models" open><summary>Models in colour: <span id="models-count"></span></summary>'
        f"<fieldset><legend>Models that figures show in colour</legend>{''.join(labels)}{buttons}</fieldset></details>"
    )
