"""Stage report: what the declared runs of a profile show, as numbers, text, figures and a page.

    python -m stages.report <profile>

Reads the plan, the declared runs and the published numbers; writes `results/<profile>/report/`: `metrics.json` (for
`dvc metrics`), `report.md`, `index.html` (one file, no network), `figures/*.svg` and `tables/*.csv`. Same inputs, same
bytes. Run folders that no declared run owns are named in the report, never read.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from stages.files import InputError, output_folder, write_json, write_text
from stages.reporting import content, figures, markdown, page, published, tables
from stages.reporting.load import Results, load
from stages.stage import run_stage

PUBLISHED = Path("data/published/numbers.csv")


def build_report(results: Path, profile: str, published_table: Path) -> None:
    """Writes `results/<profile>/report`. InputError names the stage to run when a declared run is missing."""
    loaded = load(results, profile)
    runs = tables.by_run(loaded)
    methods = tables.by_method(runs)
    beside = published.beside(loaded, published.read(published_table)) if loaded.settings["published"] else None
    drawn = figures.draw(loaded, runs, methods)
    title, summary = f"Entropy methods, profile {profile}", content.summary(loaded)
    sections = content.sections(loaded, runs, methods, beside)
    with output_folder(results / profile / "report") as folder:
        write_json(folder / "metrics.json", metrics(loaded, runs))
        write_text(folder / "report.md", markdown.render(title, summary, sections))
        write_text(folder / "index.html", page.render(title, summary, sections, drawn))
        for name, svg in drawn.items():
            write_text(folder / "figures" / f"{name}.svg", svg)
        for name, table in _tables(loaded, runs, methods, beside).items():
            write_text(folder / "tables" / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))


def metrics(results: Results, runs: pd.DataFrame) -> dict[str, Any]:
    """Run -> training's first and last entropy and reward, and per benchmark avg@k and pass@k; scores in 0–1."""
    found: dict[str, Any] = {run.name: {} for run in results.runs}
    for run, steps in results.steps.groupby("run", sort=False):
        for name in ("entropy", "reward"):
            found[run] |= {f"{name}_first": float(steps[name].iloc[0]), f"{name}_last": float(steps[name].iloc[-1])}
    for row in runs.itertuples():
        if row.metric == "avg" or row.k == results.settings["benchmarks"][row.benchmark]:
            found[row.run].setdefault(row.benchmark, {})[f"{row.metric}_at_{row.k}"] = float(row.value)
    return found


def _tables(
    results: Results, runs: pd.DataFrame, methods: pd.DataFrame, beside: pd.DataFrame | None
) -> dict[str, pd.DataFrame]:
    found = {
        "steps": results.steps,
        "samples": tables.sample_counts(results),
        "scores_by_run": runs,
        "scores_by_method": methods,
        "scores_by_level": tables.by_level(results),
        "gains": tables.gains(runs),
    }
    return found if beside is None else {**found, "published": beside}


def main(arguments: list[str]) -> None:
    if len(arguments) != 1:
        raise InputError("usage: python -m stages.report <profile>")
    build_report(Path("results"), arguments[0], PUBLISHED)


if __name__ == "__main__":
    run_stage(main)
