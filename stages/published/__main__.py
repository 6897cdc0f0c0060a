"""Prints published numbers: `python -m stages.published`.

Filters: --paper, --method, --model, --benchmark, --metric. A filter takes one or more exact values, as they stand in
`data/published/*.csv`: methods by their keys in `stages/methods`, benchmarks by theirs in `stages/benchmarks`.
`--csv FILE` writes the rows that are left with all columns; `--markdown FILE` and `--latex FILE` (for booktabs) write
those columns that fit a page. Without any of the three the rows are printed as Markdown.
"""

from pathlib import Path

from stages.common.command import run_stage
from stages.common.files import write_text
from stages.common.options import Options
from stages.published.table import latex, load_published, markdown, select

FILTERS = ["paper", "method", "model", "benchmark", "metric"]


def main(arguments: list[str]) -> None:
    parser = Options("stages.published", "Published numbers, filtered")
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


if __name__ == "__main__":
    run_stage(main)
