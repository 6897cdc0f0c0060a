"""Colours and line patterns. In a figure's specification a colour is a CSS variable, so that one figure serves the
page in light, dark and print; a file for papers gets the print values in their place.

A method is told apart by colour, dash and name; the pair of colour and dash repeats after 49. GRPO is the dark, wide
line. Colours: Okabe and Ito's palette (jfly.uni-koeln.de/color), the pale ones darkened to a contrast of 3:1 on white;
the dark values keep hue and order at 4.5:1 on the dark ground.
"""

import json
from typing import Any

PRINT = {
    "ink": "#1b1f24",
    "muted": "#59616b",
    "grid": "#dfe2e6",
    "faint": "#cdd2d8",
    "surface": "#ffffff",
    "series-0": "#0072b2",
    "series-1": "#d55e00",
    "series-2": "#008a64",
    "series-3": "#b8479a",
    "series-4": "#8a6a00",
    "series-5": "#2a8fc9",
    "series-6": "#6a4fb3",
}
DARK = {
    "ink": "#e8eaed",
    "muted": "#a3abb5",
    "grid": "#363c44",
    "faint": "#454c55",
    "surface": "#1a1d21",
    "series-0": "#5ab0e8",
    "series-1": "#ff8f45",
    "series-2": "#35c79a",
    "series-3": "#e58fcf",
    "series-4": "#d9b648",
    "series-5": "#9ad4f5",
    "series-6": "#b3a1f2",
}
DASHES = [[], [7, 2.5], [2, 2], [8, 2.5, 2, 2.5], [4, 2], [12, 3], [5, 2, 2, 2, 2, 2]]
SERIES = 7
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"  # the first is in vl-convert: equal text widths everywhere


def variable(name: str) -> str:
    return f"var(--{name})"


def styles(models: list[str], reference: str, base: str) -> dict[str, tuple[str, list[float], float]]:
    """Model -> (colour, dash, line width), by its place; the reference dark and wide, the base model grey."""
    others = [model for model in models if model not in (reference, base)]
    found = {reference: (variable("ink"), [], 3.0), base: (variable("muted"), [3, 3], 1.7)}
    for place, model in enumerate(others):
        dash = DASHES[(place + place // SERIES) % SERIES]
        found[model] = (variable(f"series-{place % SERIES}"), dash, 1.8)
    return {model: found[model] for model in models}


def declarations(values: dict[str, str]) -> str:
    """CSS declarations of the variables."""
    return " ".join(f"--{name}: {value};" for name, value in values.items())


def printed(specification: dict[str, Any]) -> dict[str, Any]:
    """The specification with the print values in place of the variables."""
    text = json.dumps(specification)
    for name, value in PRINT.items():
        text = text.replace(variable(name), value)
    return json.loads(text)


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
