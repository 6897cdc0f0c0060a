"""Colours, which figures and page share. Each is a CSS variable, so that one figure serves the page in light, dark and
print; a file for papers gets the values of light in their place.

Colours of lines: Okabe and Ito's palette (jfly.uni-koeln.de/color), the pale ones darkened to a contrast of 3:1 on
white; the dark values keep hue and order at 4.5:1 on the dark ground.
"""

LIGHT = {
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
    # of the page only
    "ground": "#f4f5f7",
    "link": "#0a5ea8",
    "notice": "#fff6df",
    "edge": "#c98a00",
    "right": "#00734f",
    "wrong": "#b42318",
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
    "ground": "#111317",
    "link": "#7cb8f0",
    "notice": "#2b2619",
    "edge": "#d9a531",
    "right": "#35c79a",
    "wrong": "#ff8a7a",
}
PAPER = {**LIGHT, "surface": "#fff", "ground": "#fff", "notice": "#fff", "link": "#000"}
SERIES = 7  # colours for lines
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"  # the first is in vl-convert: equal text widths everywhere


def variable(name: str) -> str:
    """The colour as CSS names it."""
    return f"var(--{name})"


def declarations(colours: dict[str, str]) -> str:
    """CSS declarations of the variables."""
    return " ".join(f"--{name}: {value};" for name, value in colours.items())
