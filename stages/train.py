"""Stage train: one method, one seed, with verl's own trainer.

    python -m stages.train <profile> <method> <seed>

Reads the run's plan, the training set and the base model; writes `results/<profile>/train/<method>-<seed>/` with
`steps.jsonl` (one line a step), `model/` (HF export), `checkpoints/step-<n>/` (the same of earlier steps, where the profile
evaluates them) and `versions.json` (also how many prompts were trained on). Seconds and memory go beside it, untracked.
Checkpoints live in a work folder named by a hash of everything the run depends on: a killed run goes on from its last
checkpoint, and a changed one starts clean. Of a run whose outputs are written only the weights stay there.

With `backend.share_session`, the first training that `dvc repro` starts trains all runs that are due and have its
training set, one after the other in one process; the stages after it find their work done.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import pyarrow.parquet

from stages.artifacts.model import check_model
from stages.artifacts.records import TrainingRecord
from stages.artifacts.steps import last_step, read_steps
from stages.backend.checkpoints import checkpoint, exported, kept_weights
from stages.backend.environment import assert_versions
from stages.backend.held_out import check_validation
from stages.backend.loggers import assert_loggers
from stages.backend.session import Run, train
from stages.common.bar import Bar
from stages.common.command import expect, run_stage
from stages.common.files import InputError, dump_json, held, output_folder, read_json, sha256
from stages.common.repro import due
from stages.common.supervise import ProcessFailed
from stages.profile.plans.operation import Operation
from stages.profile.plans.train import TrainPlan
from stages.profile.sections.train import Train
from stages.sampling.lengths import check_context


def main(arguments: list[str]) -> None:
    expect(arguments, "stages.train <profile> <method> <seed>")
    profile, method, seed = arguments
    name = f"{method}-{seed}"
    results = Path("results") / profile
    plan = TrainPlan.read(results / "plan" / "train" / f"{name}.json")
    operation = Operation.read(results / "plan")
    packages = assert_versions(plan.backend.platform)
    assert_loggers(operation.loggers, plan.backend.platform)
    maker = "subset" if plan.training_folder == "subsets" else "prepare"
    data = _existing(results / plan.training_folder / f"{plan.train.dataset}.parquet", f"dvc repro {maker}@{profile}")
    check_prompts(plan.train, data)
    model = _existing(results / "model", f"dvc repro model@{profile}")
    longest = plan.train.max_prompt_tokens + plan.train.max_response_tokens
    check_context(model, longest, "responses of training", "train.max_response_tokens")
    inputs = [dump_json(packages), sha256(data), sha256(model)]
    validation = None
    if plan.train.validation:
        held_out = results / "data/train" / f"{plan.train.validation.dataset}.parquet"
        validation = _existing(held_out, f"dvc repro prepare@{profile}")
        check_validation(plan.train, validation, data, model)
        inputs.append(sha256(validation))

    run = _run(profile, plan, inputs)
    with ExitStack() as locks:
        if not locks.enter_context(held(run.work / "lock")):
            raise InputError(f"training {name}: another process trains it in {run.work}; wait for it")
        if not run.is_done():
            runs = [run]
            if plan.backend.share_session:
                names = [stage.removeprefix(f"train@{profile}-") for stage in due(f"train@{profile}-{name}")[1:]]
                others = (TrainPlan.read(results / "plan" / "train" / f"{other}.json") for other in names)
                for other in of_same_set(plan, others):
                    further = _run(profile, other, inputs)
                    if not further.is_done() and locks.enter_context(held(further.work / "lock")):
                        runs.append(further)
            _train(runs, data, model, operation, validation)
        _export(
            results / "train" / name,
            run,
            model,
            TrainingRecord(packages=packages, seed=plan.seed, **read_json(run.work / "prompts.json")),
        )
        run.forget_states()


def check_prompts(train: Train, data: Path) -> None:
    """InputError where the training set has fewer prompts than a step takes."""
    if (rows := pyarrow.parquet.read_metadata(data).num_rows) < train.prompts_per_step:
        raise InputError(
            f"train.prompts_per_step: {train.dataset} has {rows} prompts, fewer than {train.prompts_per_step}; give at most that, "
            "or a larger set"
        )


def of_same_set(plan: TrainPlan, others: Iterable[TrainPlan]) -> list[TrainPlan]:
    """Those of `others` that a session of `plan` can train as well: it reads one training set."""
    return [other for other in others if other.train.dataset == plan.train.dataset]


def _run(profile: str, plan: TrainPlan, inputs: list[str]) -> Run:
    """The run with its work folder; InputError where that cannot be written."""
    identity = hashlib.sha256("".join([plan.text(), *inputs]).encode()).hexdigest()
    work = (Path("work") / profile / "train" / f"{plan.run}-{identity[:16]}").resolve()
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {work}: {error.strerror}; make its parent writable or free some space")
    if not os.access(work, os.W_OK):
        raise InputError(f"cannot write {work}: permission denied; make it writable")
    return Run(plan, work)


def _train(runs: list[Run], data: Path, model: Path, operation: Operation, validation: Path | None) -> None:
    """Trains the runs; InputError when the first one failed. Others that failed are named: their own stages fail."""
    first, *further = (run.plan.run for run in runs)
    title = f"train {first}" + (f" and {len(further)} more" if further else "")
    with Bar(title, sum(run.plan.train.steps for run in runs)) as bar:

        def progress() -> int:
            lines = {run.plan.run: line for run in runs if (line := last_step(run.steps))}
            done = sum(line["step"] for line in lines.values())
            if lines:
                name, line = list(lines.items())[-1]
                bar.show(done, f"{name}: reward {line['reward']:.3f} entropy {line['entropy']:.3f}")
            return done

        try:
            failed = train(runs, data, model, progress, operation, validation)
        except ProcessFailed as error:
            raise InputError(f"training {first} {error}")
    for name in further:
        if name in failed:
            print(f"note: training {name} {failed[name]}", file=sys.stderr)
    if first in failed:
        raise InputError(f"training {first} {failed[first]}")


def _export(output: Path, run: Run, model: Path, record: TrainingRecord) -> None:
    """The run's outputs from its work folder; InputError if it does not hold every step.

    The trained weights come with all else of the base model's folder, so that the two differ in their weights alone: verl
    writes configuration and tokenizer anew.
    """
    steps = run.plan.train.steps
    try:
        read_steps(run.steps, steps)
    except InputError as error:
        raise InputError(f"{error}: delete {run.work} and train again")
    weights = {"model": exported(checkpoint(run.checkpoints, steps))}
    weights |= {f"checkpoints/step-{step}": kept_weights(run.work, step) for step in run.plan.kept_steps}

    def check(folder: Path) -> None:
        read_steps(folder / "steps.jsonl", steps)
        TrainingRecord.read(folder, "train", output.name)
        for place in weights:
            check_model(folder / place)

    with output_folder(output, check) as folder:
        shutil.copyfile(run.steps, folder / "steps.jsonl")
        record.write(folder)
        kept = [file for file in model.iterdir() if not _is_weights(file)]
        for place, trained in weights.items():
            (folder / place).mkdir(parents=True)
            for file in [*kept, *(file for file in trained.iterdir() if _is_weights(file))]:
                shutil.copyfile(file, folder / place / file.name)
    shutil.copyfile(run.work / "timings.jsonl", output.with_name(f"{output.name}.timings.jsonl"))


def _is_weights(file: Path) -> bool:
    return ".safetensors" in file.suffixes  # the index of several files too


def _existing(path: Path, command: str) -> Path:
    if not path.exists():
        raise InputError(f"{path} is missing: {command} makes it")
    return path


if __name__ == "__main__":
    run_stage(main)
