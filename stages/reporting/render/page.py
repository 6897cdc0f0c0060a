"""Sections -> one HTML file for screen and paper. Style, scripts, data and the drawing library are inside; the page's
policy forbids it to fetch anything but the side files beside it, which it loads on demand.
"""

import json
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from stages.common.tables import LATEX
from stages.reporting.figures.models import Model
from stages.reporting.figures.specification import Specification
from stages.reporting.render import assets
from stages.reporting.render.templates import environment
from stages.reporting.sections.blocks import Picture, Section

# The drawing library compiles a figure's expressions, hence unsafe-eval; nothing may come from another place.
POLICY = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' 'self' file:; style-src 'unsafe-inline'; img-src data:"
TABLE_SCRIPTS = ("core.js", "tables.js")
SCRIPTS = (*TABLE_SCRIPTS, "figures.js", "browser.js")


def render_page(
    title: str,
    summary: str,
    sections: Sequence[Section],
    models: Sequence[Model],
    figures: dict[str, list[Specification]],
    content: dict[str, Any],
) -> str:
    """The report. `figures`: name -> its panels, of which those in no section are left out; `content`: what else the
    scripts read.
    """
    pictures = [block for section in sections for block in section.blocks if isinstance(block, Picture)]
    described = {
        picture.name: [{**panel, "description": f"{panel['title']}. {picture.alt}"} for panel in figures[picture.name]]
        for picture in pictures
    }
    scripts = [assets.drawing_library(), *map(assets.script, SCRIPTS)]
    return _document(title, summary, sections, {**content, "figures": described, "latex": LATEX}, scripts, models)


def render_tables(title: str, summary: str, sections: Sequence[Section]) -> str:
    """A page of tables and texts only; they sort and copy as those of the report."""
    return _document(
        title, summary, sections, {"figures": {}, "latex": LATEX}, [*map(assets.script, TABLE_SCRIPTS)], []
    )


def _document(
    title: str,
    summary: str,
    sections: Sequence[Section],
    content: dict[str, Any],
    scripts: list[Markup],
    models: Sequence[Model],
) -> str:
    names, first = [model.name for model in models], [model.name for model in models if model.shown]
    choices = {"all": names, "none": []} | ({"fewer": first} if len(first) < len(names) else {})
    return (
        environment()
        .get_template("page.html.jinja")
        .render(
            title=title,
            summary=summary,
            sections=sections,
            policy=POLICY,
            style=assets.style(),
            data=assets.data(content),
            scripts=scripts,
            figures=content["figures"],
            models=models,
            choices={label: json.dumps(chosen) for label, chosen in choices.items()},
        )
    )
