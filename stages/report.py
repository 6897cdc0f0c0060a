"""Stage report: what the declared runs of a profile show, as numbers, text, figures and a page.

    python -m stages.report <profile>
    python -m stages.report --compare A B       two profiles, or two commits (see stages/reporting/compare.py)

Reads the plan, the declared runs and the published numbers; writes `results/<profile>/report/`: `index.html` (one file
that works offline), `samples/` (side files that the page loads on demand), `report.md`, `tables/` (CSV and LaTeX),
`figures/` (SVG), `metrics.json` and `plots/` (for `dvc metrics` and `dvc plots`). Same inputs, same bytes. Run folders
that no declared run owns are named in the report, never read. Hours go to `results/<profile>/hours.*`, untracked.
"""

from pathlib import Path

import pandas as pd

from stages.files import InputError, output_folder, write_json, write_text
from stages.reporting import (
    browse,
    compare,
    content,
    datasets,
    figures,
    gains,
    hours,
    latex,
    markdown,
    metrics,
    page,
    published,
    tables,
)
from stages.reporting.blocks import Table
from stages.reporting.load import Results, load
from stages.stage import run_stage

DATA = Path("data")


def build_report(results: Path, profile: str, data: Path = DATA) -> None:
    """Writes `results/<profile>/report`. InputError names the stage to run when a declared run is missing or wrong.

    `data` holds the folders `published` and `protocols`, read for a profile with a published setting.
    """
    loaded = load(results, profile)
    found = measure(loaded)
    compared = published.compare(loaded, found["scores_by_run"], data)
    drawable = datasets.data(loaded, found["scores_by_method"], found["gains"], found["prices"], compared)
    drawn = figures.draw(loaded, drawable, found["scores_by_method"], found["gains"])
    title, summary = f"Entropy methods, profile {profile}", content.summary(loaded)
    sections = content.sections(loaded, found, compared)
    with output_folder(results / profile / "report") as folder:
        write_json(folder / "metrics.json", metrics.metrics(loaded, found["scores_by_run"]))
        write_text(folder / "report.md", markdown.render(title, summary, sections))
        write_text(folder / "index.html", page.render(title, summary, sections, loaded, drawn, drawable))
        browse.write(loaded, results / profile, folder / "samples")
        for name, figure in drawn.items():
            write_text(folder / "figures" / f"{name}.svg", figures.svg(figure, figures.preselected(loaded), drawable))
        for name, table in {**found, **metrics.compared(compared)}.items():
            write_text(folder / "tables" / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
        for name, table in metrics.curves(loaded).items():
            write_text(folder / "plots" / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
        for block in (block for section in sections for block in section.blocks):
            if isinstance(block, Table):
                write_text(folder / "tables" / f"{block.name}.tex", latex.render(block))
    hours.write(hours.measure(loaded, results / profile), results / profile)


def measure(results: Results) -> dict[str, pd.DataFrame]:
    """Name of `tables/<name>.csv` -> table; stages/reporting/tables.py says what their columns are."""
    runs, counts = tables.by_run(results), tables.sample_counts(results)
    return {
        "steps": results.steps,
        "samples": counts,
        "scores_by_run": runs,
        "scores_by_method": tables.by_method(runs),
        "scores_by_level": tables.by_level(results),
        "averages": gains.averages(runs),
        "gains": gains.gains(runs),
        "prices": tables.prices(results, counts, runs),
        "disagreements": tables.disagreements(results),
        "settings": metrics.settings(results),
    }


def main(arguments: list[str]) -> None:
    match arguments:
        case ["--compare", first, second]:
            compare.main(Path("results"), first, second)
        case [profile] if not profile.startswith("-"):
            build_report(Path("results"), profile)
        case _:
            raise InputError("usage: python -m stages.report <profile>, or --compare A B (profiles or commits)")


if __name__ == "__main__":
    run_stage(main)
