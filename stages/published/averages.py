"""Printed averages, computed again from the columns they are of."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import numpy as np
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
    groups, found = grouped(table), []
    for row in averages.itertuples():
        columns = columns_of(row, groups[key_of(row, GROUP)])
        if columns is None:
            continue
        mean, allowed = (
            float(np.mean([column.value for column in columns])),
            0.5 * 10.0 ** -digits[row.paper, row.table],
        )
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


def grouped(table: pd.DataFrame) -> dict[tuple, list[Any]]:
    """The rows of a table by what they have in `GROUP`."""
    groups: dict[tuple, list[Any]] = {}
    for row in table.itertuples():
        groups.setdefault(key_of(row, GROUP), []).append(row)
    return groups


def key_of(row: Any, names: Iterable[str]) -> tuple:
    """What a row has in the columns `names`; empty is None, so that empty agrees with empty."""
    return tuple(None if pd.isna(value := getattr(row, name)) else value for name in names)


def columns_of(row: Any, rows: Iterable[Any]) -> list[Any] | None:
    """The rows that the average `row` is the mean of, or None if one is not there. `rows`: those of its `GROUP`."""
    wanted = row.of.split("; ")
    columns = [each for each in rows if each.benchmark_as_printed in wanted and (pd.isna(row.k) or each.k == row.k)]
    return columns if sorted(each.benchmark_as_printed for each in columns) == sorted(wanted) else None


def decimals(value: float) -> int:
    """Digits behind the point of the shortest decimal that reads as `value`."""
    return max(0, -int(Decimal(repr(value)).as_tuple().exponent))
