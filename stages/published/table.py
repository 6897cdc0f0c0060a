"""The published numbers as one table: loaded, filtered, printed."""

from pathlib import Path

import pandas as pd
from tabulate import tabulate

from stages import methods
from stages.common.files import InputError
from stages.published.schema import load

FOLDER = Path("data/published")
PRINTED = [
    "paper",
    "table",
    "model",
    "train_data",
    "method_as_printed",
    "variant",
    "benchmark_as_printed",
    "metric",
    "k",
    "value",
    "evidence",
    "note",
]


def load_published(folder: Path = FOLDER) -> pd.DataFrame:
    """All published numbers, checked (see `stages.published.schema.load`), of protocols that stand beside them."""
    table = load(folder, {*methods.METHODS, *methods.NOT_IMPLEMENTED})
    protocols = folder.with_name("protocols")
    for paper, protocol in table[["paper", "protocol"]].dropna().drop_duplicates().itertuples(index=False):
        if not (protocols / f"{protocol}.yaml").is_file():
            raise InputError(
                f"{folder / paper}.yaml: protocol: {protocol!r} is no file of {protocols}; write it, or `not published`"
            )
    return table


def select(table: pd.DataFrame, wanted: dict[str, list[str]]) -> pd.DataFrame:
    """The rows that have, in every column of `wanted`, one of its values.

    InputError if a value stands in no row, or if no row has a value of every column.
    """
    rows = table
    for name, values in wanted.items():
        for value in values:
            if not (table[name] == value).any():
                known = ", ".join(sorted(table[name].dropna().unique()))
                raise InputError(f"--{name}: {value!r} stands in no row; known are {known}")
        rows = rows[rows[name].isin(values)]
    if rows.empty:
        filters = ", ".join(f"--{name} {' '.join(values)}" for name, values in wanted.items())
        raise InputError(f"no number is published for {filters} together; leave a filter out")
    return rows


def markdown(rows: pd.DataFrame) -> str:
    return as_text(rows).replace(r"\|", "\\|", regex=True).to_markdown(index=False, disable_numparse=True) + "\n"


def latex(rows: pd.DataFrame) -> str:
    return tabulate(as_text(rows), PRINTED, "latex_booktabs", showindex=False, disable_numparse=True) + "\n"


def as_text(rows: pd.DataFrame) -> pd.DataFrame:
    """The printed columns as text: numbers as their shortest decimal, empty where nothing stands."""
    return rows[PRINTED].map(
        lambda value: "" if pd.isna(value) else f"{value:g}" if isinstance(value, float) else value
    )
