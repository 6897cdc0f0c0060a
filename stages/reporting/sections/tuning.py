"""The report's section on tuning: the settings that were tried, as many for each method, and which were chosen."""

import pandas as pd

from stages.reporting.inputs.results import Results
from stages.reporting.sections.blocks import Block, Group, Section, Table, Text
from stages.reporting.sections.numbers import count_of, interval, number
from stages.reporting.tables.gains import REFERENCE
from stages.reporting.tables.tuning import points_of, untuned


def tuning_section(results: Results, tried: pd.DataFrame, gained: pd.DataFrame) -> Section:
    """`tried`: the table of `grid`; `gained`: that of `tuned_gains`."""
    tuning, points, plan = results.plan.tuning, points_of(results), results.plan
    assert tuning is not None
    size = len(next(iter(points.values())))
    blocks: list[Block] = [
        Text(
            f"Each of {count_of(len(points), 'method')} was trained with {size} settings and"
            f" {count_of(len(plan.seeds), 'seed')} each. The mean of avg@{plan.protocol.samples[tuning.select_on]} on"
            f" {tuning.select_on} chose. No other section has scores on that set, and here those of what was chosen are too high"
            " for having chosen."
        )
    ]
    chosen = set(tried.loc[tried["chosen"].astype(bool), "method"])
    blocks += [
        Text(f"Of {method} no settings are chosen: not all of its runs are there and graded.")
        for method in points
        if method not in chosen
    ]
    if others := untuned(results):
        blocks.append(Text(f"Without a choice among settings were trained: {', '.join(others)}."))
    if len(tried):
        blocks.append(_grid(tuning.select_on, tried))
    if len(gained):
        blocks.append(_gains(tried, gained))
    return Section("tuning", "With the settings that suit each method", blocks)


def _grid(held_out: str, tried: pd.DataFrame) -> Table:
    groups: list[Group] = []
    for method, rows in tried.groupby("method", sort=False):
        lines = [
            [
                row.point,
                row.settings,
                "chosen" if row.chosen else "",
                interval(row),
                number(100 * row.optimism, 1) if row.chosen and row.optimism is not None else "",
            ]
            for row in rows.itertuples()
        ]
        groups.append((str(method), lines))
    caption = (
        f"All settings that were tried: avg@k on {held_out} in %, with 95 % intervals. “Falls again”: what the chosen score"
        " loses, in points, when the same problems are sampled anew, estimated by choosing with one half of the samples and"
        " scoring with the other"
    )
    return Table("tuning", caption, ["run", "settings", "", f"avg@k on {held_out}", "falls again"], groups, words=3)


def _gains(tried: pd.DataFrame, gained: pd.DataFrame) -> Table:
    settings = dict(tried[["point", "settings"]].itertuples(index=False))
    groups: list[Group] = []
    for benchmark, rows in gained.groupby("benchmark", sort=False):
        lines = [
            [row.method, settings[row.method], row.interval, interval(row, sign=True)] for row in rows.itertuples()
        ]
        groups.append((str(benchmark), lines))
    reference = gained["reference"].iloc[0]
    caption = (
        f"Each method with its chosen settings less {reference} ({settings[reference]}), which were chosen for {REFERENCE}:"
        " paired by seed, with 95 % intervals"
    )
    return Table("tuned_gains", caption, ["run", "settings", "interval", "points of avg@k"], groups, words=3)
