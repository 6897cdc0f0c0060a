"""Trains every method three real steps of the smoke profile, in one session: `make sweep` or

    python -m stages.tools.sweep [--write] [METHOD | METHOD=VARIANT ...]

Prints what each method's last step gave, and with --write puts its row into docs/sweep.md, beside those that are there.
Without names: every method, and every variant that computes as released code does. A name given twice runs twice. Exit
status 1 when a method fails, logs a value that is not finite, or leaves the weights as they are. Needs the profile's data
and model (`make repro TARGETS=prepare@smoke`).
"""

import shutil
from pathlib import Path
from typing import Any

from stages.artifacts.steps import OWN, last_step
from stages.backend.environment import assert_versions
from stages.backend.session import Run, train
from stages.common.bar import Bar
from stages.common.command import run_stage
from stages.common.files import InputError, read_json, write_text
from stages.common.options import Options
from stages.common.supervise import ProcessFailed
from stages.common.tables import markdown_table
from stages.methods import METHODS, build, class_of
from stages.profile.params import Params, load
from stages.profile.plans.train import TrainPlan
from stages.profile.resolution import training_plan
from stages.rl.catalogue import choices_of

STEPS = 3
DOCUMENT = Path("docs/sweep.md")
COLUMNS = ["reward", "entropy", "gradient_norm", "clip_fraction_high", "clip_fraction_low"]


def main(arguments: list[str]) -> None:
    parser = Options("stages.tools.sweep", __doc__)
    parser.add_argument("--write", action="store_true", help=f"the table into {DOCUMENT}")
    parser.add_argument("methods", nargs="*", metavar="METHOD", help="or METHOD=VARIANT; all unless given")
    options = parser.parse_args(arguments)
    names = options.methods or everything()
    params = load(Path("profiles/smoke.yaml"))
    methods = {name: settings_of(name, params.method_settings) for name in names}
    results = Path("results/smoke")
    data, model = results / "data" / "train" / f"{params.train.dataset}.parquet", results / "model"
    for path in (data, model):
        if not path.exists():
            raise InputError(f"{path} is missing: make repro TARGETS=prepare@smoke makes it")
    assert_versions(params.backend.platform)
    work = Path("work/smoke/sweep").resolve()
    shutil.rmtree(work, ignore_errors=True)
    runs = [
        Run(plan_of(params, f"{number:02}-{name}", *methods[name]), work / f"{number:02}-{name}")
        for number, name in enumerate(names, 1)
    ]
    with Bar("sweep", len(runs)) as bar:

        def progress() -> int:
            done = [run.plan.run for run in runs if run.is_done()]
            bar.show(len(done), done[-1] if done else "starting")
            return sum(line["step"] for run in runs if (line := last_step(run.steps)))

        try:
            failed = train(runs, data, model, progress)
        except ProcessFailed as error:
            raise InputError(f"the sweep {error}")
    found = [(name, run, outcome(run, failed)) for name, run in zip(names, runs, strict=True)]
    rows = [row_of(*each) for each in found]
    print(render(rows))
    if options.write:
        kept = written(DOCUMENT.read_text(encoding="utf-8")) | {row[0]: row for row in rows}
        write_text(DOCUMENT, DOCUMENT_HEAD + render([kept[name] for name in everything() if name in kept]))
    if wrong := [run.plan.run for _, run, how in found if how != "ran"]:
        reasons = "".join(f"\n{run} {reason}" for run, reason in failed.items())
        raise InputError(f"{', '.join(wrong)}: see the table above and the logs in {work}{reasons}")


DOCUMENT_HEAD = f"""# Every method, {STEPS} real training steps

Written by `make sweep`: verl trains the smoke model {STEPS} steps of 16 × 8 responses with each method, and with each
variant that computes as released code does (`method=variant`), from the same weights. Columns are of the last step;
`own` names what the method logs of itself. That a method runs here says nothing about how good it is.

"""


def plan_of(params: Params, run: str, method: str, settings: dict[str, Any]) -> TrainPlan:
    """Of a run of `STEPS` steps, in a session that goes on to the next, with the method's complete settings."""
    plan = training_plan(params, params.methods[0], params.seeds[0])
    return plan.model_copy(
        update={
            "run": run,
            "method": method,
            "method_settings": settings,
            "train": plan.train.model_copy(update={"steps": STEPS, "checkpoint_every": STEPS}),
            "backend": plan.backend.model_copy(update={"share_session": True}),
        }
    )


def everything() -> list[str]:
    """Every method, then every variant that computes as released code does."""
    return [*METHODS, *variants_of_released_code()]


def variants_of_released_code() -> list[str]:
    """METHOD=VARIANT for the variants that compute as released code does."""
    found = {name: class_of(name) for name in METHODS if "variant" in class_of(name).Settings.model_fields}
    return [
        f"{name}={choice}"
        for name, method in found.items()
        for choice in choices_of(method, "variant")
        if choice in ("code", "verl")
    ]


def settings_of(name: str, chosen: dict[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """The method that METHOD or METHOD=VARIANT names, and its complete settings: defaults, the profile's, the variant."""
    method, _, variant = name.partition("=")
    settings = chosen.get(method, {}) | ({"variant": variant} if variant else {})
    return method, build(method, settings).settings.model_dump()


def outcome(run: Run, failed: dict[str, str]) -> str:
    """`ran`, or what went wrong. The trainer itself fails at a value that is not finite."""
    if run.plan.run in failed:
        return failed[run.plan.run].splitlines()[0]
    return "ran" if read_json(run.work / "ended.json")["weights_changed"] else "weights unchanged"


def row_of(name: str, run: Run, how: str) -> list[str]:
    """Of the document's table."""
    last = last_step(run.steps) or {}
    numbers = [f"{last[column]:.4f}" if column in last else "" for column in COLUMNS]
    own = ", ".join(column.removeprefix(OWN) for column in sorted(last) if column.startswith(OWN))
    return [name, *numbers, own, how]


def render(rows: list[list[str]]) -> str:
    """The table in Markdown."""
    return markdown_table(["method", *COLUMNS, "own", "outcome"], rows, "l" + "r" * len(COLUMNS) + "ll") + "\n"


def written(document: str) -> dict[str, list[str]]:
    """The rows of the document's table, by name."""
    _, _, *rows = [line for line in document.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]
    return {row[0]: row for row in cells}


if __name__ == "__main__":
    run_stage(main)
