"""Figures as SVG text: the same bytes for the same numbers, text as text, and colours that a page may replace.

Methods are told apart by colour, dash and name. GRPO is the dark, wide line under the others, so that a method that
coincides with it is seen on top of it. Colours: Okabe and Ito's palette (jfly.uni-koeln.de/color), the pale ones
darkened to a contrast of 3:1 on white.
"""

import io
import re

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stages.reporting.load import BASE, Results
from stages.reporting.tables import REFERENCE

INK, MUTED, GRID, SURFACE = "#1b1f24", "#59616b", "#dfe2e6", "#fdfdfd"
COLOURS = ["#0072b2", "#d55e00", "#008a64", "#b8479a", "#8a6a00", "#2a8fc9", "#6a4fb3"]
DASHES = ["-", (0, (5, 1.6)), (0, (1.4, 1.2)), (0, (6, 1.6, 1.4, 1.6)), (0, (3, 1.2)), (0, (8, 2)), (0, (2.5, 1, 1, 1))]
WIDTH = 5.6  # inches: readable at the width of a telephone
DIRECT_LABELS = 8  # more methods than this get a legend
STYLE = {
    "svg.hashsalt": "report",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.facecolor": SURFACE,
    "figure.facecolor": SURFACE,
    "legend.frameon": False,
}

CLASSES = {
    "entropy_style": "style (first token)",
    "entropy_connector": "connectors",
    "entropy_digit": "digits",
    "entropy_other": "other",
}


def draw(results: Results, runs: pd.DataFrame, methods: pd.DataFrame) -> dict[str, str]:
    """Name -> SVG. `runs` and `methods` are `tables.by_run` and `tables.by_method`."""
    steps = results.steps
    styles = _styles(results.methods)
    with matplotlib.rc_context(STYLE):
        drawn = {
            "entropy": _lines(steps, styles, "entropy", "entropy (nats a token)"),
            "reward": _lines(steps, styles, "reward", "reward (mean over responses)"),
            "response_length": _lines(steps, styles, "response_length", "response length (tokens)"),
            "clip_fractions": _panels(
                steps,
                styles,
                {"clip_fraction_high": "above 1 + ε_high (A > 0)", "clip_fraction_low": "below 1 − ε_low (A < 0)"},
                "% of tokens",
                100,
            ),
        }
        classes = {name: title for name, title in CLASSES.items() if name in steps}
        if classes:
            drawn["entropy_by_token_class"] = _panels(steps, styles, classes, "nats a token")
        if "styles_per_group" in steps:
            drawn["styles_per_group"] = _lines(steps, styles, "styles_per_group", "distinct styles in a group")
        schedules = schedule_columns(steps)
        if schedules:
            drawn["schedules"] = _schedules(steps, styles, schedules)
        if len(runs):
            drawn["scores"] = _dots(methods, styles)
        if (runs["k"] > 1).any():
            drawn["pass_at_k"] = _pass_curves(methods, styles)
    return drawn


def schedule_columns(steps: pd.DataFrame) -> list[tuple[str, str]]:
    """(method, column) of every number that a method logs of its own."""
    columns = [name for name in steps if name.startswith("method.")]
    return [(m, c) for m, rows in steps.groupby("method", sort=False) for c in columns if rows[c].notna().any()]


def _styles(methods: list[str]) -> dict[str, dict]:
    """Method -> line style, by its place among the declared methods."""
    others = [name for name in methods if name != REFERENCE]
    styles = {
        name: {"color": COLOURS[i % len(COLOURS)], "linestyle": DASHES[i % len(DASHES)], "linewidth": 1.7}
        for i, name in enumerate(others)
    }
    styles[BASE] = {"color": MUTED, "linestyle": "-", "linewidth": 1.7}
    return {REFERENCE: {"color": INK, "linestyle": "-", "linewidth": 3.0}, **styles}


def _plot(axes: Axes, steps: pd.DataFrame, styles: dict, column: str, scale: float = 1.0) -> dict[str, float]:
    """Mean over seeds as a line, each seed as a thin one. Returns the lines' ends."""
    ends = {}
    for method, rows in steps.groupby("method", sort=False):
        table = scale * rows.pivot(index="step", columns="seed", values=column).dropna(how="all")
        if table.empty:
            continue
        if table.shape[1] > 1:
            axes.plot(table.index, table, color=styles[method]["color"], linewidth=0.6, alpha=0.45)
        mean = table.mean(axis=1)
        axes.plot(mean.index, mean, label=method, zorder=2 if method == REFERENCE else 3, **styles[method])
        ends[method] = float(mean.iloc[-1])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    if (steps[column].dropna() >= 0).all():
        axes.set_ylim(
            0, 1.06 * steps[column].max() * scale or 1
        )  # a share of what there was, not a slope, is what the eye should read
    return ends


def _lines(steps: pd.DataFrame, styles: dict, column: str, label: str) -> str:
    figure = Figure(figsize=(WIDTH, 3.5))
    axes = figure.add_axes((0.11, 0.14, 0.66, 0.80))
    ends = _plot(axes, steps, styles, column)
    axes.set(xlabel="training step")
    axes.set_title(label)
    if len(ends) <= DIRECT_LABELS:
        _label_ends(axes, ends, styles)
    else:
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=7)
    return _svg(figure)


def _label_ends(axes: Axes, ends: dict[str, float], styles: dict) -> None:
    """Names at the lines' ends, pushed apart where they would cover one another, with a hair line to their line."""
    low, high = axes.get_ylim()
    gap = 0.062 * (high - low)
    places: dict[str, float] = {}
    for method in sorted(ends, key=lambda name: (ends[name], name)):
        places[method] = max(ends[method], max(places.values(), default=-np.inf) + gap)
    overshoot = max(places.values(), default=high) - high
    if overshoot > 0:  # slide the block down, no further than needed
        ceiling = high
        for method in reversed(list(places)):
            places[method] = min(places[method], ceiling)
            ceiling = places[method] - gap
    across = axes.get_yaxis_transform()
    for method, place in places.items():
        y = (ends[method] - low) / (high - low), (place - low) / (high - low)
        axes.plot(
            [1.0, 1.035], y, transform=axes.transAxes, color=styles[method]["color"], linewidth=0.8, clip_on=False
        )
        axes.text(1.045, place, method, transform=across, color=styles[method]["color"], va="center", fontsize=10)


def _panels(steps: pd.DataFrame, styles: dict, columns: dict[str, str], label: str, scale: float = 1.0) -> str:
    """Small multiples, two a row, one scale of their own each, one legend."""
    rows = -(-len(columns) // 2)
    figure = Figure(figsize=(WIDTH, 0.75 + 2.1 * rows), layout="constrained")
    grid = figure.subplots(rows, 2, squeeze=False)
    for axes, (column, title) in zip(grid.flat, columns.items()):
        _plot(axes, steps, styles, column, scale)
        axes.set_title(title)
    for axes in grid[:, 0]:
        axes.set_ylabel(label)
    for axes in grid[-1]:
        axes.set_xlabel("training step")
    _legend(figure, grid[0, 0])
    return _svg(figure)


def _legend(figure: Figure, axes: Axes) -> None:
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=3, handlelength=2.6, fontsize=9)


def _schedules(steps: pd.DataFrame, styles: dict, schedules: list[tuple[str, str]]) -> str:
    rows = -(-len(schedules) // 2)
    figure = Figure(figsize=(WIDTH, 0.3 + 1.9 * rows), layout="constrained")
    grid = figure.subplots(rows, 2, squeeze=False)
    for axes, (method, column) in zip(grid.flat, schedules):
        _plot(axes, steps[steps["method"] == method], styles, column)
        axes.set_xlim(0.5, steps["step"].max() + 0.5)  # also where a quantity exists in part of the run only
        axes.set_title(f"{method}: {column.removeprefix('method.')}")
    for axes in grid.flat[len(schedules) :]:
        axes.set_axis_off()
    for axes in grid[-1]:
        axes.set_xlabel("training step")
    return _svg(figure)


def _dots(methods: pd.DataFrame, styles: dict) -> str:
    """avg@k with its interval: a panel a benchmark, a line a method."""
    average = methods[methods["metric"] == "avg"]
    benchmarks, names = list(dict.fromkeys(average["benchmark"])), list(dict.fromkeys(average["method"]))
    figure = Figure(figsize=(WIDTH, 0.35 + len(benchmarks) * (0.55 + 0.21 * len(names))), layout="constrained")
    for axes, benchmark in zip(figure.subplots(len(benchmarks), 1, squeeze=False, sharex=True).flat, benchmarks):
        rows = average[average["benchmark"] == benchmark].set_index("method")
        for place, name in enumerate(names):
            if name in rows.index:
                row, colour = rows.loc[name], styles[name]["color"]
                axes.plot([100 * row["low"], 100 * row["high"]], [place, place], color=colour, linewidth=1.8)
                axes.plot([100 * row["value"]], [place], color=colour, marker="o", markersize=5.5)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_title(f"{benchmark}, avg@{rows['k'].iloc[0]}")
        axes.grid(axis="y", visible=False)
    axes.set_xlabel("% of samples right")
    return _svg(figure)


def _pass_curves(methods: pd.DataFrame, styles: dict) -> str:
    """Unbiased pass@k against k (logarithmic): a panel a benchmark."""
    rows = methods[methods["metric"] == "pass"]
    rows = rows[rows.groupby("benchmark")["k"].transform("max") > 1]  # one sample a problem is no curve
    benchmarks = list(dict.fromkeys(rows["benchmark"]))
    height = -(-len(benchmarks) // 2)
    figure = Figure(figsize=(WIDTH, 0.75 + 2.1 * height), layout="constrained")
    grid = figure.subplots(height, 2, squeeze=False)
    for axes, benchmark in zip(grid.flat, benchmarks):
        for method, curve in rows[rows["benchmark"] == benchmark].groupby("method", sort=False):
            axes.plot(
                curve["k"], 100 * curve["value"], label=method, zorder=2 if method == REFERENCE else 3, **styles[method]
            )
        ticks = sorted(set(rows[rows["benchmark"] == benchmark]["k"]))
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [str(k) for k in ticks])
        axes.set_title(benchmark)
    for axes in grid.flat[len(benchmarks) :]:
        axes.set_axis_off()
    for axes in grid.flat[: len(benchmarks)]:
        axes.set_xlabel("k")
    for axes in grid[:, 0]:
        axes.set_ylabel("pass@k, %")
    _legend(figure, grid[0, 0])
    return _svg(figure)


def _svg(figure: Figure) -> str:
    stream = io.StringIO()
    # without these matplotlib writes a date and links to vocabularies
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return re.sub(r"[ \t]+$", "", stream.getvalue(), flags=re.MULTILINE)


def inline(svg: str, name: str, title: str) -> str:
    """An SVG for use inside a page: named for screen readers, ids of its own, colours as the page's variables."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = (
        re.sub(r'\bid="', f'id="{name}-', body).replace('href="#', f'href="#{name}-').replace("url(#", f"url(#{name}-")
    )
    body = re.sub(
        r'<svg[^>]*viewBox="([^"]*)"[^>]*>', rf'<svg viewBox="\1" role="img" aria-label="{title}">', body, count=1
    )
    body = body.replace("xlink:href", "href")
    for number, colour in enumerate(COLOURS):
        body = body.replace(colour, f"var(--series-{number})")
    for variable, colour in {"ink": INK, "muted": MUTED, "grid": GRID, "surface": SURFACE}.items():
        body = body.replace(colour, f"var(--{variable})")
    return body
