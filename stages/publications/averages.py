"""Printed averages, computed again from the columns they are of."""

from decimal import Decimal

import pandas as pd

from stages.publications.schema import AVERAGE, Paper

GROUP = "paper table model train_data method_as_printed variant metric".split()


def recompute(table: pd.DataFrame, papers: dict[str, Paper]) -> pd.DataFrame:
    """One row a printed average whose columns are all in the table.

    Columns: those of `GROUP`, method, benchmark_as_printed, k, `printed`, `recomputed` (the mean of its columns),
    `allowed` (half of the last digit that the averages of that table are printed with) and `matches`.
    """
    averages = table[table["benchmark"] == AVERAGE]
    digits = averages.groupby(["paper", "table"])["value"].agg(lambda values: max(map(decimals, values)))
    groups = {key: rows for key, rows in table.groupby(table[GROUP].fillna("").agg("\0".join, axis=1), sort=False)}
    found = []
    for key, row in zip(averages[GROUP].fillna("").agg("\0".join, axis=1), averages.itertuples(), strict=True):
        columns = columns_of(row, groups[key], papers)
        if columns is None:
            continue
        mean, allowed = float(columns["value"].mean()), 0.5 * 10.0 ** -digits[row.paper, row.table]
        found.append(
            {
                **{name: getattr(row, name) for name in [*GROUP, "method", "benchmark_as_printed", "k"]},
                "printed": row.value,
                "recomputed": mean,
                "allowed": allowed,
                "matches": abs(mean - row.value) <= allowed + 1e-9,
            }
        )
    return pd.DataFrame(found)


def columns_of(row: tuple, rows: pd.DataFrame, papers: dict[str, Paper]) -> pd.DataFrame | None:
    """The rows that the average `row` is the mean of, or None if one is not there. `rows`: those of its `GROUP`."""
    average = papers[row.paper].average_of(row.benchmark_as_printed, row.table, None if pd.isna(row.k) else int(row.k))
    columns = rows[rows["benchmark_as_printed"].isin(average.of)]
    if not pd.isna(row.k):
        columns = columns[columns["k"] == row.k]
    return columns if sorted(columns["benchmark_as_printed"]) == sorted(average.of) else None


def decimals(value: float) -> int:
    """Digits behind the point of the shortest decimal that reads as `value`."""
    return max(0, -Decimal(repr(value)).as_tuple().exponent)
