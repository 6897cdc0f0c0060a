"""The report's section on controls: what of a method's score is owed to its criterion."""

from typing import Any

import pandas as pd

from stages.reporting.inputs.results import Results
from stages.reporting.sections.blocks import Block, Group, Section, Table, Text
from stages.reporting.sections.numbers import interval, number
from stages.reporting.tables.controls import pairs
from stages.reporting.tables.gains import AVERAGE

MEANING = {
    "random_same_count": "as many tokens or responses of the same sign of the advantage, chosen at random",
    "constant_same_mean": "one weight for all tokens, the mean of the method's",
}


def controls_section(results: Results, compared: pd.DataFrame) -> Section:
    """`compared`: the table of `against_controls`."""
    kinds = "; ".join(f"“{kind}”: {MEANING[kind]}" for kind in dict.fromkeys(compared["control"]))
    introduction = (
        "A control is the same method with its criterion taken away and its strength kept. What a method scores beyond its"
        " control is owed to the criterion."
    )
    blocks: list[Block] = [Text(f"{introduction} {kinds}." if kinds else introduction)]
    for control, method in pairs(results).items():
        if method is None:
            blocks.append(
                Text(f"{control} is under a control, but no run of the same settings without it is declared.")
            )
    if len(compared):
        average = compared[compared["benchmark"] == AVERAGE]
        blocks += [Text(_sentence(row)) for row in average.itertuples()]
        blocks.append(_table(compared))
    return Section("controls", "Did the criterion matter", blocks)


def _sentence(row: Any) -> str:
    """What the interval over all benchmarks says of one method and its control."""
    points, both = number(abs(100 * row.value), 1), f"{row.method} and its control {row.reference}"
    if row.interval == "none":
        return f"Of {both} nothing can be said: one sample a problem and one seed have no interval."
    if row.interval == "paired samples":
        sign = "more" if row.value > 0 else "less" if row.value < 0 else "more or less"
        return (
            f"Of {both} there is one seed, for which {row.method} scores {points} points {sign}; how much training again"
            " would change is unknown, so this says nothing of the criterion."
        )
    if row.low > 0:
        return (
            f"The criterion of {row.method} mattered: it scores {points} points more than its control {row.reference}."
        )
    if row.high < 0:
        return (
            f"The criterion of {row.method} did harm: it scores {points} points less than its control {row.reference}."
        )
    return f"No difference is shown between {both}, so a gain of {row.method} is not shown to be owed to its criterion."


def _table(compared: pd.DataFrame) -> Table:
    groups: list[Group] = []
    for benchmark, rows in compared.groupby("benchmark", sort=False):
        lines = [
            [row.method, row.reference, row.control, row.interval, interval(row, sign=True)]
            for row in rows.itertuples()
        ]
        groups.append((str(benchmark), lines))
    header = ["method", "its control", "kind of control", "interval", "method less control, points of avg@k"]
    return Table(
        "controls", "Each method less its control, paired by seed, with 95 % intervals", header, groups, words=4
    )
