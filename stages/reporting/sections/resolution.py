"""What the seeds that ran can resolve, in sentences and a table, beside the tables of scores and of verdicts."""

from typing import Any

import pandas as pd

from stages.reporting.sections.blocks import Block, Table, Text
from stages.reporting.sections.numbers import number
from stages.reporting.tables.gains import AVERAGE
from stages.statistics.contrasts import MOST_SEEDS


def resolved_gains(resolution: pd.DataFrame, seeds: int) -> list[Block]:
    """`resolution`: the table of that name; `seeds`: how many are declared."""
    if seeds == 1:
        return [Text("One training seed shows no variance of training, so it resolves no difference between methods.")]
    if resolution.empty:
        return []
    first = resolution.iloc[0]
    text = (
        f"What {first['seeds']} seeds can resolve: a true gain over GRPO of {number(first['least_gain'], 1)} points on"
        f" {_place(first)} is found in four of five cases, a smaller one less often. Half of that would take"
        f" {_seeds(first['seeds_for_half'])}. The variance over seeds is pooled over {first['methods']} methods here, to"
        " say what to expect; every interval has its method's own."
    )
    header = ["benchmark", "sd of a score", "sd of a gain", "least gain found", "seeds for half of it"]
    rows = [
        [
            row.benchmark,
            *(number(value, 2) for value in (row.sd_score, row.sd_gain)),
            number(row.least_gain, 1),
            _count(row),
        ]
        for row in resolution.itertuples()
    ]
    caption = "What so many seeds resolve, in points: standard deviations over seeds, and the least true gain found in 4 of 5 cases"
    return [Text(text), Table("resolution", caption, header, [("", rows)], folded=True)]


def resolved_beside_published(resolution: pd.DataFrame) -> list[str]:
    """What our seeds can tell of a published gain that is the difference of two single runs."""
    if resolution.empty:
        return []
    first = resolution.iloc[0]
    least = number(first["least_published_gain"], 1)
    return [
        f"What {first['seeds']} seeds can resolve: a gain that truly differs by {least} points on {_place(first)} from one that is"
        " published of two single runs is found in four of five cases, before correction."
    ]


def _place(row: pd.Series) -> str:
    return "the average of benchmarks" if row["benchmark"] == AVERAGE else f"{row['benchmark']}"


def _seeds(count: object) -> str:
    return f"more than {MOST_SEEDS} seeds" if pd.isna(count) else f"{count} seeds"


def _count(row: Any) -> str:
    return f"> {MOST_SEEDS}" if pd.isna(row.seeds_for_half) else str(row.seeds_for_half)
