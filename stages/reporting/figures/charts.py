"""The three kinds of panel, as Altair charts over named data: lines, rows with intervals, points.

`shown` is a parameter of every figure: the models drawn in colour. The lines of the others stay, faint. Panels of rows
and points draw all models in colour, since none hides another.
"""

from collections.abc import Callable, Mapping

import altair as alt

from stages.reporting.figures.models import Line, Lines
from stages.reporting.figures.specification import Specification
from stages.reporting.palette import variable

IN_COLOUR = "indexof(shown, datum.method) >= 0"
ROW = 19  # pixels a model in a panel of rows
METHOD, NAMED = alt.Detail("method:N"), alt.Tooltip("method:N")
HEIGHT = 230  # pixels of the other panels


def line_panel(
    data: str,
    models: Lines,
    column: str,
    title: str,
    x: alt.X,
    *,
    zero: bool = True,
    share: bool = False,
    only: Mapping[str, str] = {},
) -> Specification:
    """A line a model with its band (columns `lowest_<column>`, `highest_<column>`).

    `zero`: the axis starts there, as it should where a share of what there was is what the eye must read. `share`: its
    labels are percentages. `only`: column -> the value
    that rows must have there.
    """
    axis = alt.Axis(tickCount=5, format="~%" if share else "~g")  # of tiny numbers the zeros would fill the page
    y = alt.Y(f"{column}:Q", title=None, scale=alt.Scale(zero=zero, nice=True), axis=axis)
    known = _chart(data, only, column).encode(x=x)
    chosen = known.transform_filter(IN_COLOUR)
    wide = alt.FieldOneOfPredicate(field="method", oneOf=[name for name, line in models.items() if line.width > 2])
    faint = known.mark_line(color=variable("faint"), strokeWidth=1).encode(y=y, detail=METHOD)
    band = chosen.mark_area(opacity=0.16, tooltip=False).encode(
        y=alt.Y(f"lowest_{column}:Q"), y2=alt.Y2(f"highest_{column}:Q"), color=_colour(models), detail=METHOD
    )
    line = chosen.mark_line().encode(
        y=y,
        color=_colour(models),
        strokeDash=alt.StrokeDash("method:N", scale=_scale(models, lambda model: model.dash), legend=_legend()),
        strokeWidth=alt.condition(wide, alt.value(3), alt.value(1.8)),
        tooltip=NAMED,
    )
    return _panel([faint, band, line], title, HEIGHT)


def row_panel(
    data: str,
    models: Lines,
    title: str,
    x_title: str,
    *,
    order: list[str],
    only: Mapping[str, str] = {},
    origin: bool = False,
    label_width: int = 150,
    digits: int = 1,
) -> Specification:
    """A row a model in `order`: `value` as a dot, `low` to `high` as a line; with `origin` a rule at zero.

    Labels wider than `label_width` pixels are cut; a tooltip's numbers have so many `digits`.
    """
    axis = alt.Axis(grid=False, labelLimit=label_width)
    y = alt.Y("method:N", title=None, sort=order, scale=alt.Scale(domain=order), axis=axis)
    x = alt.X("value:Q", title=x_title, scale=alt.Scale(zero=origin, nice=True), axis=alt.Axis(tickCount=5))
    base = _chart(data, only).encode(y=y, color=_colour(models, legend=False))
    numbers = [alt.Tooltip(f"{name}:Q", format=f".{digits}f") for name in ("value", "low", "high")]
    layers = [
        base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title=x_title), x2=alt.X2("high:Q")),
        base.mark_point(filled=True, size=60, opacity=1).encode(x=x, tooltip=[NAMED, *numbers]),
    ]
    if origin:
        zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color=variable("muted"), strokeDash=[4, 3])
        layers.insert(0, zero.encode(x=alt.X("zero:Q", title=x_title)))
    return _panel(layers, title, ROW * len(order))


def point_panel(
    data: str,
    models: Lines,
    x: str,
    y: str,
    x_title: str,
    title: str,
    *,
    interval: bool = False,
    origin: bool = False,
    height: int = HEIGHT,
) -> Specification:
    """A point a model, its columns `x` and `y` against each other; the models in colour are named beside their points.

    Both axes start at zero, so that a small difference looks small. With `interval` a line from `low` to `high` through
    each point, with `origin` a rule at zero across.
    """
    across = alt.X(f"{x}:Q", title=x_title, scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=5))
    up = alt.Y(f"{y}:Q", title=None, scale=alt.Scale(zero=True))
    base = _chart(data, {}, x, y).encode(x=across, y=up, color=_colour(models, legend=False))
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(
        tooltip=[NAMED, alt.Tooltip(f"{x}:Q"), alt.Tooltip(f"{y}:Q")]
    )
    names = base.transform_filter(IN_COLOUR).mark_text(align="left", dx=7, dy=-6, fontSize=11)
    spans = (
        [base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", title=None), y2=alt.Y2("high:Q"))] if interval else []
    )
    layers = [*spans, dots, names.encode(text=alt.Text("method:N"))]
    if origin:
        zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color=variable("muted"), strokeDash=[4, 3])
        layers.insert(0, zero.encode(y=alt.Y("zero:Q", title=None)))
    return _panel(layers, title, height)


def _panel(layers: list[alt.Chart], title: str, height: int) -> Specification:
    """Layers on one pair of axes. As a dict, since every change of a chart object copies the whole of it."""
    found = alt.LayerChart(layer=layers, title=title, height=height).to_dict(validate=False)
    return {name: value for name, value in found.items() if name not in ("$schema", "config")}


def _chart(data: str, only: Mapping[str, str], *known: str) -> alt.Chart:
    """The rows of `data` with the values `only`, and without gaps in the columns `known`."""
    chart = alt.Chart(alt.NamedData(data))
    for column, value in only.items():
        chart = chart.transform_filter(alt.FieldEqualPredicate(field=column, equal=value))
    for column in known:
        chart = chart.transform_filter(alt.FieldValidPredicate(field=column, valid=True))
    return chart


def _scale(models: Lines, look: Callable[[Line], str | list[float]]) -> alt.Scale:
    return alt.Scale(domain=list(models), range=[look(line) for line in models.values()])


def _legend() -> alt.Legend:
    return alt.Legend(title=None, symbolType="stroke", symbolSize=500, symbolStrokeWidth=2, symbolOpacity=1)


def _colour(models: Lines, legend: bool = True) -> alt.Color:
    return alt.Color("method:N", scale=_scale(models, lambda model: model.colour), legend=_legend() if legend else None)
