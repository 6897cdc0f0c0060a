"""Prints published numbers: `python -m stages.published`.

Filters: --paper, --method, --model, --benchmark, --metric. A filter takes one or more exact values, as they stand in
`data/published/*.csv`. `--csv FILE`, `--markdown FILE` and `--latex FILE` write what is left, with all columns (CSV)
or the printed ones; without any of them it is printed. LaTeX uses booktabs. Method keys are those of
`stages/methods`, benchmark keys those of this suite.
"""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from stages import methods
from stages.files import InputError, write_text
from stages.publications.schema import load
from stages.stage import run_stage

FOLDER = Path("data/published")
FILTERS = "paper method model benchmark metric".split()
PRINTED = (
    "paper table model train_data method_as_printed variant benchmark_as_printed metric k value evidence note".split()
)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.published", description="Published numbers, filtered")
    for name in FILTERS:
        parser.add_argument(f"--{name}", nargs="+", metavar=name.upper())
    for name in ("csv", "markdown", "latex"):
        parser.add_argument(f"--{name}", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    table = load_published()
    rows = select(table, {name: getattr(options, name) for name in FILTERS if getattr(options, name)})
    if options.csv:
        write_text(options.csv, rows.to_csv(index=False, lineterminator="\n"))
    if options.markdown:
        write_text(options.markdown, markdown(rows))
    if options.latex:
        write_text(options.latex, latex(rows))
    if not (options.csv or options.markdown or options.latex):
        print(markdown(rows), end="")


def load_published(folder: Path = FOLDER) -> pd.DataFrame:
    """All published numbers, checked (see `stages.publications.schema.load`)."""
    return load(folder, {*methods.METHODS, *methods.NOT_IMPLEMENTED})


def check_setting(table: pd.DataFrame, published: Any) -> None:
    """InputError unless papers print what the section `published` of the parameters names, spelt as in the table."""
    model, train_data = published.model, published.train_data
    known = table.loc[table["model"] == model, "train_data"].dropna().unique()
    if not (table["model"] == model).any():
        models = ", ".join(sorted(table["model"].dropna().unique()))
        raise InputError(f"published.model: no number is published for {model!r}; known are {models}")
    if train_data not in known:
        raise InputError(
            f"published.train_data: no number is published for {model} trained on {train_data!r}; known are "
            f"{', '.join(sorted(known)) or 'none'}"
        )
    rows = table[(table["model"] == model) & (table["train_data"] == train_data)]
    papers = set(rows["paper"])
    if published.replays is not None and published.replays not in papers:
        raise InputError(
            f"published.replays: no number of {published.replays!r} for this model and data; papers that print some are "
            f"{', '.join(sorted(papers))}"
        )
    forms = set(rows[["method", "variant"]].itertuples(index=False, name=None))
    for name, row in published.rows.items():
        if (row.method, row.variant) not in forms:
            known = sorted({str(variant or "none") for method, variant in forms if method == row.method})
            raise InputError(
                f"published.rows.{name}: {row.method} with variant {row.variant or 'none'} has no row for this model and "
                f"data; its variants are {', '.join(known) or 'none: the method has no row'}"
            )


def select(table: pd.DataFrame, wanted: dict[str, list[str]]) -> pd.DataFrame:
    """Rows whose columns hold one of the wanted values; InputError if a value stands nowhere, or nothing is left."""
    rows = table
    for name, values in wanted.items():
        for value in values:
            if not (table[name] == value).any():
                known = ", ".join(sorted(table[name].dropna().unique()))
                raise InputError(f"--{name}: {value!r} stands in no row; known are {known}")
        rows = rows[rows[name].isin(values)]
    if rows.empty:
        raise InputError(f"no number is published for {wanted}; leave a filter out")
    return rows


def markdown(rows: pd.DataFrame) -> str:
    return as_text(rows).replace(r"\|", "\\|", regex=True).to_markdown(index=False, disable_numparse=True) + "\n"


def latex(rows: pd.DataFrame) -> str:
    style = as_text(rows).style.hide(axis="index").format(escape="latex").format_index(escape="latex", axis="columns")
    return style.to_latex(hrules=True)


def as_text(rows: pd.DataFrame) -> pd.DataFrame:
    """The printed columns as text: numbers as their shortest decimal, empty where nothing stands."""
    return rows[PRINTED].map(
        lambda value: "" if pd.isna(value) else f"{value:g}" if isinstance(value, float) else value
    )


if __name__ == "__main__":
    run_stage(main)
