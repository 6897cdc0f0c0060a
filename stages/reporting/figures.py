"""The report's figures: each a few panels over shared data, for the page (interactive) and as SVG for papers.

The same numbers give the same bytes: data are rounded, names are explicit, the font is the drawing library's own.
"""

from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd
import vl_convert

from stages.reporting import charts, palette
from stages.reporting.datasets import PROGRESS, own_columns, records
from stages.reporting.gains import AVERAGE, REFERENCE
from stages.reporting.load import BASE, Results

SIGNED = {"log_prob_correct", "log_prob_incorrect", "log_prob_gap"}
CROWD = 8  # of more models than this not all are drawn in colour at first
VERDICTS = {"reproduced": palette.variable("series-2"), "not reproduced": palette.variable("series-1")}  # others grey
WIDTH, NARROW = 470, 300  # pixels of a panel on paper, alone and beside others


@dataclass(frozen=True)
class Figure:
    """Panels side by side; `data` names the table that they draw."""

    panels: list[alt.LayerChart]
    data: str
    columns: int = 2


def draw(
    results: Results, datasets: dict[str, pd.DataFrame], methods: pd.DataFrame, gains: pd.DataFrame
) -> dict[str, Figure]:
    """Name -> figure; arguments are the result of `datasets.data`, `tables.by_method` and `gains.gains`."""
    styles = palette.styles(results.models, REFERENCE, BASE)
    present = {*results.steps.columns, *(["log_prob_gap"] if "log_prob_correct" in results.steps else [])}
    whole = alt.Scale(domain=[0, results.plan.train.steps], nice=False)
    step = alt.X("step:Q", title="training step", scale=whole, axis=alt.Axis(tickMinStep=1, tickCount=6, grid=False))
    drawn = {}
    for name, columns in PROGRESS.items():
        panels = [
            charts.lines("steps", styles, column, title, step, zero=column not in SIGNED)
            for column, title in columns.items()
            if column in present
        ]
        if panels:
            drawn[name] = Figure(panels, "steps")
    own = []
    for method, column in own_columns(results.steps):
        constant = results.steps[column.replace("method_", "method.", 1)].nunique() == 1  # has no scale but zero's
        title, only = f"{method}: {column.removeprefix('method_')}", f"datum.method == '{method}'"
        own.append(charts.lines("steps", styles, column, title, step, zero=constant, only=only))
    if own:
        drawn["schedules"] = Figure(own, "steps", 3)
    drawn |= _scores(results, styles, methods, gains)
    spread = alt.Scale(zero=False, padding=30)
    ending = alt.X("entropy:Q", title="entropy at the last step, nats", scale=spread, axis=alt.Axis(tickCount=5))
    against = {"score": "average of avg@k, %", "distinct_1_to_5": "diversity: distinct 1- to 5-grams"}
    panels = [
        charts.points("prices", styles, ending, alt.Y(f"{column}:Q", title=None, scale=alt.Scale(zero=False)), title)
        for column, title in against.items()
        if datasets["prices"][["entropy", column]].notna().all(axis=1).any()
    ]
    drawn |= {"entropy_against": Figure(panels, "prices")} if panels else {}
    verdicts = datasets.get("verdicts", pd.DataFrame())
    if len(verdicts):
        colours = {
            row.method: (VERDICTS.get(row.verdict, palette.variable("muted")), [], 1.8) for row in verdicts.itertuples()
        }
        names = list(colours)
        panel = charts.rows(
            "verdicts", colours, "ours less published", "points", models=names, origin=True, label_width=260
        )
        drawn["verdicts"] = Figure([panel], "verdicts")
    return drawn


def _scores(results: Results, styles: charts.Styles, methods: pd.DataFrame, gains: pd.DataFrame) -> dict[str, Figure]:
    drawn, average = {}, methods[methods["metric"] == "avg"]
    benchmarks = list(dict.fromkeys(average["benchmark"]))
    if benchmarks:
        models = [model for model in results.models if model in set(average["method"])]
        panels = [
            charts.rows("scores", styles, f"{benchmark}, avg@{results.plan.benchmarks[benchmark]}", "% right",
                        only=f"datum.metric == 'avg' && datum.benchmark == '{benchmark}'", models=models)
            for benchmark in benchmarks
        ]  # fmt: skip
        drawn["scores"] = Figure(panels, "scores")
    curves = methods[methods["metric"] == "pass"]
    curved = [name for name in benchmarks if (curves[curves["benchmark"] == name]["k"] > 1).any()]
    if curved:
        panels = []
        for name in curved:
            ticks = sorted(set(curves[curves["benchmark"] == name]["k"].tolist()))
            k = alt.X("k:Q", title="k", scale=alt.Scale(type="log", base=2, nice=False),
                      axis=alt.Axis(values=ticks, grid=False, format="d"))  # fmt: skip
            only = f"datum.metric == 'pass' && datum.benchmark == '{name}'"
            panels.append(charts.lines("scores", styles, "value", f"{name}, pass@k, %", k, zero=False, only=only))
        drawn["pass_at_k"] = Figure(panels, "scores")
    if len(gains):
        places = [AVERAGE, *(name for name in benchmarks if name in set(gains["benchmark"]))]
        models = list(dict.fromkeys(gains["method"]))
        panels = [
            charts.rows("gains", styles, place, "points of avg@k", only=f"datum.benchmark == '{place}'", models=models,
                        origin=True) for place in places
        ]  # fmt: skip
        drawn["gains"] = Figure(panels, "gains")
    return drawn


def preselected(results: Results) -> list[str]:
    """All models; of a crowd GRPO and those whose entropy ends highest and lowest."""
    if len(results.models) <= CROWD:
        return results.models
    last = results.steps[results.steps["step"] == results.plan.train.steps]
    others = last[last["method"] != REFERENCE]
    ranked = others.groupby("method", sort=False)["entropy"].mean().sort_values(kind="stable").index
    chosen = {REFERENCE, *ranked[:2], *ranked[-4:]}
    return [model for model in results.models if model in chosen]


def with_legend(part: Any, shown: list[str] | None) -> Any:
    """A specification whose legends list the models `shown`; without any for None."""
    if isinstance(part, list):
        return [with_legend(item, shown) for item in part]
    if not isinstance(part, dict):
        return part
    found = {name: with_legend(value, shown) for name, value in part.items()}
    if part.get("legend") is not None:
        found["legend"] = None if shown is None else {**part["legend"], "values": shown}
    return found


def svg(figure: Figure, shown: list[str], datasets: dict[str, pd.DataFrame]) -> str:
    """The figure on paper: `shown` in colour, with a legend at the side."""
    width = WIDTH if len(figure.panels) == 1 else NARROW
    panels = [panel.properties(width=width) for panel in figure.panels]
    specification = with_legend(alt.concat(*panels, columns=figure.columns).to_dict(validate=False), shown)
    specification |= {
        "config": {**palette.CONFIG, "background": "white"},
        "params": [{"name": "shown", "value": shown}],
        "datasets": {figure.data: records(datasets[figure.data])},
    }
    return vl_convert.vegalite_to_svg(palette.printed(specification)) + "\n"
