"""A figure as a Vega-Lite specification: a panel for the page, which hands it data and colours; whole as SVG for papers.

The same numbers give the same bytes: data are rounded, names are explicit, the font is the drawing library's own.
"""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import altair as alt
import pandas as pd
import vl_convert

from stages.reporting.palette import FONT, LIGHT, variable

WIDTH, NARROW = 470, 300  # pixels of a panel on paper, alone and beside others
CONFIG = {
    "background": "transparent",
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": variable("ink"),
        "titleColor": variable("muted"),
        "domainColor": variable("muted"),
        "tickColor": variable("muted"),
        "gridColor": variable("grid"),
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 260,
    },
    "title": {"color": variable("ink"), "fontSize": 13, "anchor": "start", "frame": "group", "fontWeight": 600},
    "legend": {"labelColor": variable("ink"), "titleColor": variable("muted"), "labelFontSize": 11, "labelLimit": 260},
}
PAGE_CONFIG = CONFIG | {"font": "system-ui, sans-serif"}

Specification = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """Panels side by side; `data` names the table that they draw."""

    panels: list[Specification]
    data: str
    columns: int = 2


def panels_for_page(figure: Figure) -> list[Specification]:
    """A specification a panel, without data, colours or legend: the page has them once for all figures."""
    own = {"$schema": alt.SCHEMA_URL, "width": "container", "data": {"name": figure.data}}
    return [{**_with_legend(panel, None), **own} for panel in figure.panels]


def columns_for_page(table: pd.DataFrame) -> dict[str, list[Any]]:
    """A table by its columns, which is half the size of its rows; an empty cell is None."""
    rows = _records(table)
    return {name: [row[name] for row in rows] for name in table}


def svg(figure: Figure, shown: list[str], datasets: dict[str, pd.DataFrame]) -> str:
    """The figure on paper: the models `shown` in colour, with a legend at the side."""
    width = WIDTH if len(figure.panels) == 1 else NARROW
    specification = {
        "$schema": alt.SCHEMA_URL,
        "concat": [{**_with_legend(panel, shown), "width": width} for panel in figure.panels],
        "columns": figure.columns,
        "config": {**CONFIG, "background": "white"},
        "params": [{"name": "shown", "value": shown}],
        "datasets": {figure.data: _records(datasets[figure.data])},
    }
    return _drawn(_printed(specification)) + "\n"


@cache
def _drawn(specification: str) -> str:
    """SVG of a specification in JSON. Half of a report's time is drawing, and several reports in one process share figures."""
    return vl_convert.vegalite_to_svg(specification)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return table.astype(object).where(table.notna(), None).to_dict("records")


def _with_legend(part: Any, shown: list[str] | None) -> Any:
    """A specification whose legends list the models `shown`; without any for None."""
    if isinstance(part, list):
        return [_with_legend(item, shown) for item in part]
    if not isinstance(part, dict):
        return part
    found = {name: _with_legend(value, shown) for name, value in part.items()}
    if part.get("legend") is not None:
        found["legend"] = None if shown is None else {**part["legend"], "values": shown}
    return found


def _printed(specification: Specification) -> str:
    """The specification in JSON, with colours in place of their variables."""
    text = json.dumps(specification)
    for name, value in LIGHT.items():
        text = text.replace(variable(name), value)
    return text
