"""The lab's ledger: what became of the claims of `data/claims`, from results that are kept in the repository.

    python -m stages.tools.ledger                      judges the claims from data/lab, writes docs/lab.md and its figure
    python -m stages.tools.ledger --collect [FOLDER …] takes the results of profile lab from results/, or from the result
                                                       folders of other clones, into data/lab first

Whoever changes a claim, or how one is judged, needs no training. A rerun is `make repro PROFILE=lab`; two
clones, each with half of the `methods`, use two cores better than one.
"""

from pathlib import Path

import yaml

from stages.claims.quantities import Measured
from stages.claims.schema import read_claims
from stages.common.command import run_stage
from stages.common.files import write_text
from stages.common.options import Options
from stages.reporting.figures.drawn_data import claim_rows, rounded
from stages.reporting.figures.evaluation import claim_figure
from stages.reporting.figures.specification import svg
from stages.reporting.render.markdown import render_markdown
from stages.reporting.sections.blocks import Section, Text
from stages.reporting.sections.claims import claims_section
from stages.reporting.sections.numbers import count_of
from stages.reporting.tables.claims import judged
from stages.tools.kept import KEPT, PROFILE, Origin, collect, commit_here, read
from stages.tools.told_apart import methods_section, progress_picture

CLAIMS, DOCUMENT = Path("data/claims"), Path("docs/lab.md")
FIGURES = Path("docs/figures")
PROGRESS, TESTED = "lab_progress", "claims"


def main(arguments: list[str]) -> None:
    parser = Options("stages.tools.ledger", __doc__)
    parser.add_argument("--collect", nargs="*", type=Path, metavar="FOLDER", help="takes results into data/lab first")
    folders = parser.parse_args(arguments).collect
    if folders is not None:
        collect(folders or [Path("results")], KEPT, commit_here())
    document, figures = written(KEPT, CLAIMS)
    write_text(DOCUMENT, document)
    for name, figure in figures.items():
        write_text(FIGURES / f"{name}.svg", figure)


def written(kept: Path, folder: Path) -> tuple[str, dict[str, str]]:
    """The document in Markdown, and its figures by name, as SVG."""
    table, origin = read(kept)
    profile = yaml.safe_load(Path(f"profiles/{PROFILE}.yaml").read_text(encoding="utf-8"))
    claims = {name: read_claims(folder / f"{name}.yaml") for name in profile["claims"]}
    found = judged(claims, table)
    sections = [_origin(table, origin), methods_section(table, PROGRESS), claims_section(claims, found)]
    figures = {PROGRESS: progress_picture(table)}
    if figure := claim_figure(rows := claim_rows(found).map(rounded)):
        figures[TESTED] = svg(figure, [], {"claims": rows})
    lead = (
        "Written by `python -m stages.tools.ledger` from [data/lab](../data/lab). [Claims](claims.md) says what the verdicts mean"
        " and how to test one of your own; [data/claims](../data/claims) has the decision rules, which were committed before the"
        " runs."
    )
    return render_markdown("The entropy lab", lead, sections), figures


def _origin(table: Measured, origin: Origin) -> Section:
    steps = table.steps.groupby("run")["step"].max()
    by_commit = " and ".join(
        f"{len(training.runs):,} runs and probes by commit `{training.commit}` on {training.processor}"
        for training in origin.trainings
    )
    text = (
        f"{count_of(len(steps), 'training run')} of {len(table.methods)} methods and variants, {steps.max()} steps each:"
        f" {by_commit}. On that kind of processor the same commit gives the same"
        " bytes; another one may round differently, and then a run drifts away from what is kept here after some steps. A test"
        " trains the first steps again and compares (`python -m stages.tools.rerun`)."
    )
    return Section("origin", "Where the numbers come from", [Text(text + _looked_at_before(table, origin))])


def _looked_at_before(table: Measured, origin: Origin) -> str:
    """That decisions of chance are more likely where seeds were added to what had been read."""
    added = [
        method
        for method in table.methods
        if sum(any(f"{method}-{seed}" in each.runs for seed in table.seeds([method])) for each in origin.trainings) > 1
    ]
    if not added:
        return ""
    return (
        f" Of {', '.join(f'`{method}`' for method in added)} further seeds were trained when the verdicts of the first had been read:"
        " where they decide, chance has had more than one try."
    )


if __name__ == "__main__":
    run_stage(main)
