"""Figures of scores, gains and verdicts, and of entropy against score."""

from collections.abc import Iterable

import altair as alt
import pandas as pd

from stages.reporting.figures.charts import line_panel, point_panel, row_panel
from stages.reporting.figures.models import Line, Lines
from stages.reporting.figures.specification import Figure
from stages.reporting.palette import variable
from stages.reporting.tables.answer import picture_of
from stages.reporting.tables.gains import AVERAGE

OUTCOMES = {"supported": variable("series-2"), "contradicted": variable("series-1")}  # others grey
VERDICTS = {"equivalent": variable("series-2"), "not reproduced": variable("series-1")}  # others grey


def answer_figure(found: pd.DataFrame, models: Lines) -> Figure | None:
    """Gain, or without GRPO score, against the entropy kept; scores where nothing was trained. `found`: the table `answer`."""
    shown = picture_of(found)
    if shown is None:
        return None
    title = "gain over GRPO, points of avg@k" if shown == "gain" else "avg@k, %"
    if shown == "score alone":
        order = list(found.loc[found["score"].notna(), "method"])
        return Figure([row_panel("answer", models, title, "% right", order=order)], "answer")
    across, origin = "entropy kept, % of the first", shown == "gain"
    return Figure(
        [point_panel("answer", models, "kept", "value", across, title, interval=True, origin=origin, height=300)],
        "answer",
    )


def score_figure(scores: pd.DataFrame, models: Lines) -> Figure | None:
    """avg@k, a panel a benchmark; `scores` is the table of `by_method`."""
    average = scores[scores["metric"] == "avg"]
    order = [model for model in models if model in set(average["method"])]
    panels = [
        row_panel("scores", models, f"{benchmark}, avg@{rows['k'].max()}", "% right", order=order,
                  only={"metric": "avg", "benchmark": benchmark})
        for benchmark, rows in average.groupby("benchmark", sort=False)
    ]  # fmt: skip
    return Figure(panels, "scores") if panels else None


def pass_figure(scores: pd.DataFrame, models: Lines) -> Figure | None:
    """pass@k against k, a panel a benchmark that has more than one sample a problem."""
    panels = []
    for name, rows in scores[scores["metric"] == "pass"].groupby("benchmark", sort=False):
        if rows["k"].max() > 1:
            axis = alt.Axis(values=sorted(set(rows["k"].tolist())), grid=False, format="d")
            k = alt.X("k:Q", title="k", scale=alt.Scale(type="log", base=2, nice=False), axis=axis)
            only = {"metric": "pass", "benchmark": name}
            panels.append(line_panel("scores", models, "value", f"{name}, pass@k, %", k, zero=False, only=only))
    return Figure(panels, "scores") if panels else None


def gain_figure(gains: pd.DataFrame, benchmarks: Iterable[str], models: Lines) -> Figure | None:
    """Gains over GRPO, a panel for the average and one a benchmark; `gains` is the table of that name."""
    places = [place for place in [AVERAGE, *benchmarks] if place in set(gains["benchmark"])]
    order = list(dict.fromkeys(gains["method"]))
    panels = [
        row_panel("gains", models, place, "points of avg@k", order=order, only={"benchmark": place}, origin=True)
        for place in places
    ]  # fmt: skip
    return Figure(panels, "gains") if panels else None


def reliability_figure(bins: pd.DataFrame, models: Lines) -> Figure | None:
    """How often a vote is right against its share, a panel a benchmark; `bins` is the table `reliability`."""
    share = alt.X("confidence:Q", title="share of samples that agree", scale=alt.Scale(domain=[0, 1], nice=False))
    panels = [
        line_panel(
            "reliability", models, "right", f"{name}, vote is right", share, share=True, only={"benchmark": name}
        )
        for name in dict.fromkeys(bins["benchmark"])
    ]
    return Figure(panels, "reliability") if panels else None


def price_figure(prices: pd.DataFrame, models: Lines) -> Figure | None:
    """Score, with its interval, and diversity against the entropy at the last step; `prices` is the table of that name."""
    against = {"score": "average of avg@k, %", "distinct_1_to_5": "diversity: distinct 1- to 5-grams"}
    panels = [
        point_panel(
            "prices", models, "entropy", column, "entropy at the last step, nats", title, interval=column == "score"
        )
        for column, title in against.items()
        if prices[["entropy", column]].notna().all(axis=1).any()
    ]
    return Figure(panels, "prices") if panels else None


def verdict_figure(verdicts: pd.DataFrame) -> Figure | None:
    """Ours less published, a row a headline verdict; `verdicts` as of `datasets`."""
    looks = {row.method: Line(VERDICTS.get(row.verdict, variable("muted")), [], 1.8) for row in verdicts.itertuples()}
    panel = row_panel(
        "verdicts", looks, "ours less published", "points", order=list(looks), origin=True, label_width=260
    )
    return Figure([panel], "verdicts") if looks else None


def claim_figure(claims: pd.DataFrame) -> Figure | None:
    """Differences in entropy that claims are about, a row a test; `claims` as of `drawn_data`."""
    looks = {row.method: Line(OUTCOMES.get(row.outcome, variable("muted")), [], 1.8) for row in claims.itertuples()}
    title = "entropy, first run less second"
    panel = row_panel("claims", looks, title, "nats a token", order=list(looks), origin=True, label_width=320, digits=3)
    return Figure([panel], "claims") if looks else None
