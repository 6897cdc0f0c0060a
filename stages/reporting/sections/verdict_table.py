"""Verdicts as a table: a group a paper and table, those with a judged number first; a row a published number."""

from typing import Any

import pandas as pd

from stages.reporting.sections.blocks import Table
from stages.reporting.sections.numbers import MISSING, number, signed


def verdict_table(
    name: str, caption: str, verdicts: pd.DataFrame, train_data: str | None = None, folded: bool = False
) -> Table:
    """`verdicts`: rows of `verdicts.compare`. `train_data`: the training set of rows that name none."""
    groups = []
    for (paper, place), rows in verdicts.groupby(["paper", "table"], sort=False, dropna=False):
        lines = []
        for row in rows.itertuples():
            metric = row.metric if pd.isna(row.k) else f"{row.metric}@{int(row.k)}"
            what = [
                _run(row, train_data),
                row.benchmark.replace(",", ", "),
                f"{row.quantity}, {metric}",
                plain(row.evidence),
            ]
            half = "" if pd.isna(row.half_width) else f" ± {number(row.half_width, 1)}"
            difference = MISSING if pd.isna(row.difference) else f"{signed(row.difference, 1)}{half}"
            numbers = [number(row.published, 2), number(row.ours, 1), difference]
            lines.append([*what, plain(row.verdict), plain(row.reason), *numbers])
        groups.append((rows["half_width"].isna().all(), f"{paper}, {place}", lines))
    header = ["method", "benchmark", "quantity", "evidence", "verdict", "reason", "published", "ours", "difference ± h"]
    judged_first = sorted(groups, key=lambda group: group[0])
    return Table(name, caption, header, [group[1:] for group in judged_first], words=6, folded=folded)


def plain(value: object) -> str:
    """A word, or the sign for none."""
    return MISSING if value is None or value == "" or pd.isna(value) else str(value)


def _run(row: Any, train_data: str | None) -> str:
    """A number's method, form and training set; in brackets the name of the run of ours, where that is another."""
    form = row.method if pd.isna(row.variant) or not row.variant else f"{row.method}, {row.variant}"
    form += "" if pd.isna(row.train_data) or row.train_data == train_data else f", on {row.train_data}"
    return form if row.run == row.method else f"{form} ({row.run})"
