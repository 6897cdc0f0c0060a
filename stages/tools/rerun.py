"""Trains the first steps of one of the lab's runs again and compares them with what is kept of it in data/lab:

    python -m stages.tools.rerun [RUN]      grpo-1 unless another is named

Exit status 1 where they differ: then a change has moved the lab's results, which are trained again (`stages/tools/ledger.py`) or
do not speak of this code. On another kind of processor than the kept results are from, sums round differently: there only the
measurements of the first step, which come before any update, are compared, to a thousandth. Needs the profile's data and model
(`make repro PROFILE=lab TARGETS='model@lab prepare@lab'`).
"""

import math
import shutil
import sys
from pathlib import Path

import pandas as pd

from stages.artifacts.steps import OWN, read_steps
from stages.backend.environment import assert_versions
from stages.backend.session import Run, train
from stages.common.command import expect, run_stage
from stages.common.files import InputError
from stages.common.supervise import ProcessFailed
from stages.profile.params import load
from stages.profile.resolution import training_plan
from stages.tools.kept import KEPT, PROFILE, processor, read

STEPS = 3
NEAR = 1e-3  # relative


def main(arguments: list[str]) -> None:
    expect(arguments, "stages.tools.rerun", "stages.tools.rerun <run>")
    name = arguments[0] if arguments else "grpo-1"
    method, _, seed = name.rpartition("-")
    kept, origin = read(KEPT)
    expected = kept.of(method, int(seed)) if seed.isdecimal() else kept.steps.head(0)
    if expected.empty:
        raise InputError(f"{name} is none of the runs in {KEPT}; give one as <name under methods>-<seed>")
    found, then = trained(method, int(seed)), origin.of(name).processor
    if processor() == then:
        different = differences(expected.head(STEPS), found, exactly=True)
    else:
        print(
            f"note: what is kept of {name} is from {then}, this is {processor()}: compared to {NEAR}",
            file=sys.stderr,
        )
        different = differences(expected.head(1), found[:1], exactly=False)
    if different:
        raise InputError(f"{name} does not repeat what {KEPT} has of it: {'; '.join(different)}")
    print(f"{name}: as kept")


def trained(method: str, seed: int) -> list[dict[str, int | float]]:
    """The first steps of the run by this code, a line each."""
    params = load(Path(f"profiles/{PROFILE}.yaml"))
    results, plan = Path("results") / PROFILE, training_plan(params, method, seed)
    data, model = results / plan.training_folder / f"{plan.train.dataset}.parquet", results / "model"
    for path in (data, model):
        if not path.exists():
            raise InputError(
                f"{path} is missing: make repro PROFILE=lab TARGETS='model@lab prepare@lab subset@lab' makes it"
            )
    assert_versions(params.backend.platform)
    short = plan.train.model_copy(update={"steps": STEPS, "checkpoint_every": STEPS})
    run = Run(plan.model_copy(update={"train": short}), Path("work", PROFILE, "rerun").resolve())
    shutil.rmtree(run.work, ignore_errors=True)
    try:
        failed = train([run], data, model, lambda: None)
    except ProcessFailed as error:
        raise InputError(f"the rerun {error}")
    if failed:
        raise InputError(f"the rerun {failed[plan.run]}")
    return read_steps(run.steps, STEPS)


def differences(expected: pd.DataFrame, found: list[dict[str, int | float]], exactly: bool) -> list[str]:
    """What differs, a text each; not exactly: of what is measured before the update, to a relative `NEAR`.

    What was not logged when `expected` was kept, as a column is that came later, is not compared.
    """
    texts, logged = [], {name for name in expected if expected[name].notna().any()}
    for (_, row), line in zip(expected.iterrows(), found, strict=True):
        for name, value in line.items():
            if name not in logged:
                continue
            if not exactly and (name.startswith(OWN) or name not in ("entropy", "reward", "response_length")):
                continue
            if not math.isclose(value, row[name], rel_tol=0.0 if exactly else NEAR):
                texts.append(f"step {line['step']} {name} {value} in place of {row[name]}")
    return texts


if __name__ == "__main__":
    run_stage(main)
