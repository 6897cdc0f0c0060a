"""Printed averages, computed again from the columns they are of."""

from decimal import Decimal
from typing import Any

import pandas as pd

from stages.published.schema import AVERAGE

GROUP = ["paper", "table", "model", "train_data", "method_as_printed", "variant", "metric"]


def recompute(table: pd.DataFrame) -> pd.DataFrame:
    """One row a printed average whose columns are all in the table; an empty table if there is none.

    Columns: those of `GROUP`, method, benchmark_as_printed, k; `printed`, `recomputed` (the mean of its columns),
    `allowed` (half a unit of the last digit that this table's averages are printed with), `matches`. Points.
    """
    averages = table[table["benchmark"] == AVERAGE]
    if averages.empty:
        return pd.DataFrame()
    digits = averages.groupby(["paper", "table"])["value"].agg(lambda values: max(map(decimals, values)))
    groups = dict(iter(table.groupby(table[GROUP].fillna("").agg("\0".join, axis=1), sort=False)))
    found = []
    for key, row in zip(averages[GROUP].fillna("").agg("\0".join, axis=1), averages.itertuples(), strict=True):
        columns = columns_of(row, groups[key])
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


def columns_of(row: Any, rows: pd.DataFrame) -> pd.DataFrame | None:
    """The rows that the average `row` is the mean of, or None if one is not there. `row`: a row of
    the table, `rows`: those of its `GROUP`.
    """
    wanted = row.of.split("; ")
    columns = rows[rows["benchmark_as_printed"].isin(wanted)]
    if not pd.isna(row.k):
        columns = columns[columns["k"] == row.k]
    return columns if sorted(columns["benchmark_as_printed"]) == sorted(wanted) else None


def decimals(value: float) -> int:
    """Digits behind the point of the shortest decimal that reads as `value`."""
    return max(0, -int(Decimal(repr(value)).as_tuple().exponent))
