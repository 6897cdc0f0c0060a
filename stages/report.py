"""Stage report: what the declared runs of a profile show, as numbers, text, figures and a page.

    python -m stages.report <profile>
    python -m stages.report <profile> --partial    of the runs that are there, into partial_report/, which DVC does not track
    python -m stages.report --compare A B       two profiles, or two commits (see stages/reporting/side_by_side.py)

Reads the plan, the declared runs and the published numbers; writes `results/<profile>/report/`: `index.html` (one file
that works offline), `samples/` (side files that the page loads on demand), `report.md`, `tables/` (CSV and LaTeX),
`figures/` (SVG), `metrics.json` and `plots/` (for `dvc metrics` and `dvc plots`). Same inputs, same bytes. Run folders
that no declared run owns are named in the report, never read. Hours, commit and machine go to `results/<profile>/hours.*`
and `origin.*`, untracked.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.command import run_stage
from stages.common.files import InputError, output_folder, write_json, write_text
from stages.reporting import side_by_side
from stages.reporting.figures.draw import draw
from stages.reporting.figures.drawn_data import drawn_data
from stages.reporting.figures.models import models_of, shown_at_first
from stages.reporting.figures.specification import PAGE_CONFIG, columns_for_page, panels_for_page, svg
from stages.reporting.inputs.results import Results, load
from stages.reporting.render.latex import render_latex
from stages.reporting.render.markdown import render_markdown
from stages.reporting.render.page import render_page
from stages.reporting.sections.blocks import Table
from stages.reporting.sections.content import all_sections, summary
from stages.reporting.side_files.hours import hours, write_hours
from stages.reporting.side_files.origin import origin, write_origin
from stages.reporting.side_files.samples import write_samples
from stages.reporting.tables.answer import answer, with_verdicts
from stages.reporting.tables.apart import told_apart
from stages.reporting.tables.checkpoints import chosen_checkpoints
from stages.reporting.tables.claims import judged, measured, read_all
from stages.reporting.tables.comparison import compare_with_published, published_tables
from stages.reporting.tables.controls import against_controls
from stages.reporting.tables.counts import disagreements, reliability_bins, sample_counts
from stages.reporting.tables.gains import averages, gains
from stages.reporting.tables.metrics import metrics, plots
from stages.reporting.tables.prices import prices
from stages.reporting.tables.probes import probe_tables
from stages.reporting.tables.resolution import resolution
from stages.reporting.tables.scores import by_level, by_method, by_run
from stages.reporting.tables.settings import settings
from stages.reporting.tables.steps import window
from stages.reporting.tables.tuning import grid, tuned_gains

DATA = Path("data")


def build_report(root: Path, profile: str, data: Path = DATA, partial: bool = False) -> None:
    """Writes `<root>/<profile>/report`. InputError names the stage to run when a declared run is missing or wrong.

    With `partial` it is of what is there, and `<root>/<profile>/partial_report`. `data` holds the folders `published` and
    `protocols`, read for a profile with a published setting, and `claims`, for one that names some.
    """
    results = load(root, profile, partial)
    tables = measure(results)
    claims = read_all(results, data)
    if claims:
        tables["claims"] = judged(claims, measured(results))
    compared = compare_with_published(results, tables["scores_by_run"], data)
    tables["answer"] = with_verdicts(tables["answer"], compared)
    drawable = drawn_data(results, tables, compared)
    figures = draw(results, tables, drawable)
    title, lead, sections = (
        f"Entropy methods, profile {profile}",
        summary(results),
        all_sections(results, tables, compared, claims),
    )
    with output_folder(
        root / profile / ("partial_report" if partial else "report"), lambda folder: check_report(folder, results)
    ) as folder:
        write_json(folder / "metrics.json", metrics(results, tables["scores_by_run"]))
        write_text(folder / "report.md", render_markdown(title, lead, sections))
        panels = {name: panels_for_page(figure) for name, figure in figures.items()}
        content = page_content(results, drawable)
        write_text(folder / "index.html", render_page(title, lead, sections, models_of(results), panels, content))
        write_samples(results, root / profile, folder / "samples")
        for name, figure in figures.items():
            write_text(folder / "figures" / f"{name}.svg", svg(figure, shown_at_first(results), drawable))
        for name, table in {**tables, **published_tables(compared)}.items():
            write_csv(folder / "tables" / f"{name}.csv", table)
        for name, table in plots(results).items():
            write_csv(folder / "plots" / f"{name}.csv", table)
        for block in (block for section in sections for block in section.blocks):
            if isinstance(block, Table):
                write_text(folder / "tables" / f"{block.name}.tex", render_latex(block))
    write_hours(hours(results, root / profile), root / profile)
    write_origin(origin(), root / profile)


def check_report(folder: Path, results: Results) -> None:
    """InputError unless the page is there to its end, with the side files that it loads, and no file is empty."""
    benchmarks = {benchmark for _, benchmark in results.grades}
    loaded = [f"samples/{name}.js" for name in benchmarks]
    loaded += [f"samples/{benchmark}/{run}.js" for run, benchmark in results.grades]
    for name in ["index.html", "report.md", "metrics.json", *sorted(loaded)]:
        if not (folder / name).is_file():
            raise InputError(f"{folder / name} is missing; run again")
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.stat().st_size:
            raise InputError(f"{path} is empty; run again")
    if not (folder / "index.html").read_text(encoding="utf-8").rstrip().endswith("</html>"):
        raise InputError(f"{folder / 'index.html'} has no end; run again")


def measure(results: Results) -> dict[str, pd.DataFrame]:
    """Name of `tables/<name>.csv` -> table; the functions that make them say what their columns are."""
    runs, counts = by_run(results), sample_counts(results)
    average, gain, tried = averages(runs), gains(results), grid(results)
    ends = window(results.plan.train.steps)
    return {
        "answer": answer(results, average, gain),
        "steps": results.steps,
        "apart": told_apart(results.steps, ends, ends),
        "samples": counts,
        "scores_by_run": runs,
        "scores_by_method": by_method(runs),
        "scores_by_level": by_level(results),
        "averages": average,
        "gains": gain,
        "controls": against_controls(results),
        "tuning": tried,
        "tuned_gains": tuned_gains(results, tried),
        "resolution": resolution(runs),
        "checkpoints": chosen_checkpoints(results),
        "prices": prices(results, counts, runs),
        "disagreements": disagreements(results),
        "reliability": reliability_bins(results),
        "settings": settings(results),
        **probe_tables(results),
    }


def page_content(results: Results, drawable: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """What the page's scripts read beside the figures: the data to draw, and which samples there are to look up."""
    benchmarks = list(dict.fromkeys(benchmark for _, benchmark in results.grades))
    return {
        "profile": results.plan.profile,
        "config": PAGE_CONFIG,
        "data": {name: columns_for_page(table) for name, table in drawable.items()},
        "benchmarks": benchmarks,
        "runs": [run.name for run in results.runs],
        "graded": {name: {run: 1 for run, other in results.grades if other == name} for name in benchmarks},
    }


def write_csv(path: Path, table: pd.DataFrame) -> None:
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def main(arguments: list[str]) -> None:
    match arguments:
        case ["--compare", first, second]:
            side_by_side.main(Path("results"), first, second)
        case [profile] if not profile.startswith("-"):
            build_report(Path("results"), profile)
        case [profile, "--partial"] if not profile.startswith("-"):
            build_report(Path("results"), profile, partial=True)
        case _:
            raise InputError(
                "usage: python -m stages.report <profile> [--partial], or --compare A B (profiles or commits)"
            )


if __name__ == "__main__":
    run_stage(main)
