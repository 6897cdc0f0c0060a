"""The three kinds of panel, as Altair charts over named data: lines, rows with intervals, points.

`shown` is a parameter of every figure: the models that are selected. All lines stay as faint context, whatever is
selected. Rows show all models, since a row disturbs no other.
"""

import altair as alt

SELECTED = "indexof(shown, datum.method) >= 0"
ROW = 19  # pixels a model in a panel of rows
HEIGHT = 230  # pixels of the other panels
Styles = dict[str, tuple[str, list[float], float]]


def _scale(styles: Styles, part: int) -> alt.Scale:
    return alt.Scale(domain=list(styles), range=[style[part] for style in styles.values()])


def _legend() -> alt.Legend:
    return alt.Legend(title=None, symbolType="stroke", symbolSize=500, symbolStrokeWidth=2, symbolOpacity=1)


def _colour(styles: Styles, legend: bool = True) -> alt.Color:
    return alt.Color("method:N", scale=_scale(styles, 0), legend=_legend() if legend else None)


def lines(
    data: str,
    styles: Styles,
    column: str,
    title: str,
    x: alt.X,
    *,
    band: bool = True,
    zero: bool = True,
    only: str | None = None,
) -> alt.LayerChart:
    """A line a model with its band (columns `<column>_low`, `<column>_high`); `only` filters the data's rows."""
    # a quantity that never falls below zero is drawn from zero: a share of what there was is what the eye should read
    y = alt.Y(f"{column}:Q", title=None, scale=alt.Scale(zero=zero, nice=True), axis=alt.Axis(tickCount=5))
    base = alt.Chart(alt.NamedData(data)).encode(x=x)
    known = base.transform_filter(f"isValid(datum.{column})")
    selected = known.transform_filter(SELECTED)
    wide = alt.FieldOneOfPredicate(field="method", oneOf=[name for name, style in styles.items() if style[2] > 2])
    layers = [known.mark_line(color="var(--faint)", strokeWidth=1).encode(y=y, detail="method:N")]
    if band:
        area = selected.mark_area(opacity=0.16, tooltip=False)
        layers.append(
            area.encode(y=alt.Y(f"{column}_low:Q"), y2=f"{column}_high:Q", color=_colour(styles), detail="method:N")
        )
    layers.append(
        selected.mark_line().encode(
            y=y,
            color=_colour(styles),
            strokeDash=alt.StrokeDash("method:N", scale=_scale(styles, 1), legend=_legend()),
            strokeWidth=alt.condition(wide, alt.value(3), alt.value(1.8)),
            tooltip="method:N",
        )
    )
    chart = alt.layer(*layers).properties(title=title, height=HEIGHT)
    return chart.transform_filter(only) if only else chart


def rows(
    data: str,
    styles: Styles,
    title: str,
    x_title: str,
    *,
    only: str | None = None,
    models: list[str],
    origin: bool = False,
    label_width: int = 150,
) -> alt.LayerChart:
    """A row a model: `value` as a dot, `low` to `high` as a line; with `origin` a rule at zero. Longer labels are cut."""
    axis = alt.Axis(grid=False, labelLimit=label_width)
    y = alt.Y("method:N", title=None, sort=models, scale=alt.Scale(domain=models), axis=axis)
    x = alt.X("value:Q", title=x_title, scale=alt.Scale(zero=origin, nice=True), axis=alt.Axis(tickCount=5))
    base = alt.Chart(alt.NamedData(data)).encode(y=y, color=_colour(styles, legend=False))
    if only:
        base = base.transform_filter(only)
    numbers = [alt.Tooltip(f"{name}:Q", format=".1f") for name in ("value", "low", "high")]
    layers = [
        base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title=x_title), x2="high:Q"),
        base.mark_point(filled=True, size=60, opacity=1).encode(x=x, tooltip=["method:N", *numbers]),
    ]
    if origin:
        zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color="var(--muted)", strokeDash=[4, 3])
        layers.insert(0, zero.encode(x=alt.X("zero:Q", title=x_title)))
    return alt.layer(*layers).properties(title=title, height=ROW * len(models))


def points(data: str, styles: Styles, x: alt.X, y: alt.Y, title: str) -> alt.LayerChart:
    """A point a model, named beside it when it is selected."""
    base = alt.Chart(alt.NamedData(data)).encode(x=x, y=y, color=_colour(styles, legend=False))
    base = base.transform_filter(f"isValid(datum.{x.shorthand[:-2]}) && isValid(datum.{y.shorthand[:-2]})")
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(tooltip=["method:N", x.shorthand, y.shorthand])
    names = base.transform_filter(SELECTED).mark_text(align="left", dx=7, dy=-6, fontSize=11)
    return alt.layer(dots, names.encode(text="method:N")).properties(title=title, height=HEIGHT)
