"""The lab's ledger: what became of the claims of `data/claims`, from results that are kept in the repository.

    python -m stages.tools.ledger             judges the claims from data/lab and writes docs/lab.md with its figure
    python -m stages.tools.ledger --collect   takes the results of profile lab from results/ into data/lab first

`data/lab/` holds of every training run its step log (`steps.csv`) and its scores (`scores.csv`), and in `origin.json` the commit
that trained, the packages, and the processor: another one may round differently. Whoever changes a claim, or how one is judged,
needs no training. A rerun is `cp profiles/lab.yaml params.yaml && make repro`.
"""

import platform
import subprocess
from pathlib import Path

import pandas as pd
import torch
import yaml

from stages.artifacts.grades import read_scores
from stages.artifacts.records import TrainingRecord
from stages.artifacts.steps import read_steps
from stages.claims.quantities import Measured
from stages.claims.schema import read_claims
from stages.common.command import run_stage
from stages.common.files import InputError, output_folder, read_json, write_json, write_text
from stages.profile.plans.report import ReportPlan
from stages.reporting.figures.drawn_data import claim_rows, rounded
from stages.reporting.figures.evaluation import claim_figure
from stages.reporting.figures.specification import svg
from stages.reporting.render.markdown import render_markdown
from stages.reporting.sections.blocks import Section, Text
from stages.reporting.sections.claims import claims_section
from stages.reporting.sections.numbers import count_of
from stages.reporting.tables.claims import SCORES, judged, scores_of

PROFILE, KEPT, CLAIMS, DOCUMENT = "lab", Path("data/lab"), Path("data/claims"), Path("docs/lab.md")
FIGURE = Path("docs/figures/claims.svg")


def main(arguments: list[str]) -> None:
    if arguments not in ([], ["--collect"]):
        raise InputError("usage: python -m stages.tools.ledger [--collect]")
    if arguments:
        collect(Path("results"), KEPT)
    document, figure = written(KEPT, CLAIMS)
    write_text(DOCUMENT, document)
    write_text(FIGURE, figure)


def collect(results: Path, kept: Path) -> None:
    """Every declared run that is trained, with scores where it is graded as well. InputError where nothing is trained, or the
    working tree has changes, since the results then come from no commit.
    """
    if _git("status", "--porcelain", "--untracked-files=no", "--", "stages", "locks", "data/lab_model"):
        raise InputError("stages: there are uncommitted changes, so that the results are of no commit; commit them")
    folder = results / PROFILE
    plan = ReportPlan.read_of(PROFILE, folder / "plan" / "report.json")
    trained = [run for run in plan.runs if (folder / "train" / run / "steps.jsonl").is_file()]
    if not trained:
        raise InputError(
            f"{folder / 'train'} holds no run of profile {PROFILE}: cp profiles/lab.yaml params.yaml && dvc repro"
        )
    steps, scores = [], []
    for name in trained:
        method, _, seed = name.rpartition("-")
        run = {"run": name, "method": method, "seed": int(seed)}
        steps += [run | line for line in read_steps(folder / "train" / name / "steps.jsonl", plan.train.steps)]
        if (folder / "grades" / name).is_dir():
            for benchmark, score in read_scores(folder / "grades" / name, plan.benchmarks, name).items():
                scores += [run | {"benchmark": benchmark} | one for one in scores_of(score)]
    packages = TrainingRecord.read(folder / "train" / trained[-1], "train", trained[-1]).packages
    origin = {"commit": _git("rev-parse", "HEAD"), "packages": packages, "processor": processor()}
    table = Measured(pd.DataFrame(steps), pd.DataFrame(scores, columns=SCORES))
    with output_folder(kept, lambda folder: read(folder)) as folder:
        write_text(folder / "steps.csv", table.steps.to_csv(index=False, lineterminator="\n"))
        write_text(folder / "scores.csv", table.scores.to_csv(index=False, lineterminator="\n"))
        write_json(folder / "origin.json", origin)


def read(kept: Path) -> tuple[Measured, dict[str, object]]:
    """What `collect` wrote; InputError where a file is missing."""
    try:
        tables = [pd.read_csv(kept / name) for name in ("steps.csv", "scores.csv")]
    except FileNotFoundError as error:
        raise InputError(f"{error.filename} is missing: restore {KEPT} from the repository")
    return Measured(*tables), read_json(kept / "origin.json")


def written(kept: Path, folder: Path) -> tuple[str, str]:
    """The document in Markdown, and its figure as SVG."""
    table, origin = read(kept)
    profile = yaml.safe_load(Path(f"profiles/{PROFILE}.yaml").read_text(encoding="utf-8"))
    claims = {name: read_claims(folder / f"{name}.yaml") for name in profile["claims"]}
    found = judged(claims, table)
    section = claims_section(claims, found)
    figure = claim_figure(rows := claim_rows(found).map(rounded))
    lead = (
        "Written by `python -m stages.tools.ledger` from [data/lab](../data/lab). [Claims](claims.md) says what the verdicts mean"
        " and how to test one of your own; [data/claims](../data/claims) has the decision rules, which were committed before the"
        " runs."
    )
    return (
        render_markdown("The entropy lab", lead, [_origin(table, origin), section]),
        svg(figure, [], {"claims": rows}) if figure else "",
    )


def _origin(table: Measured, origin: dict[str, object]) -> Section:
    runs = table.steps[["method", "seed"]].drop_duplicates()
    text = (
        f"{count_of(len(runs), 'training run')} of {len(table.methods)} methods and variants, {table.steps['step'].max()} steps each,"
        f" trained by commit `{origin['commit']}` on {origin['processor']}. On that kind of processor the same commit gives the same"
        " bytes; another one may round differently, and then a run drifts away from what is kept here after some steps. A test"
        " trains the first steps again and compares (`python -m stages.tools.rerun`)."
    )
    return Section("origin", "Where the numbers come from", [Text(text)])


def processor() -> str:
    """What decides how sums are rounded: the processor's kind, as Linux tells it, and the instructions that torch uses of it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    kind = [f"{part} {told[part]}" for part in ("cpu family", "model", "stepping") if part in told]
    return ", ".join([told.get("model name", platform.machine()), *kind, torch.backends.cpu.get_cpu_capability()])


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    run_stage(main)
