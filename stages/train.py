"""Stage train: one method, one seed, with verl's own trainer.

    python -m stages.train <profile> <method> <seed>

Reads the run's plan, the training set and the base model; writes `results/<profile>/train/<method>-<seed>/` with
`steps.jsonl` (one line a step), `model/` (HF export) and `versions.json` (also how many prompts were trained on). Seconds
and memory go beside it, untracked. Checkpoints live in a work folder named by a hash of everything the run depends on: a
killed run goes on from its last checkpoint, and a changed one starts clean.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

from stages.backend.config import overrides
from stages.backend.environment import assert_versions, environment
from stages.files import InputError, dump_json, output_folder, read_json, read_jsonl, sha256, write_json
from stages.progress import Bar, training_state
from stages.stage import run_stage
from stages.supervise import ProcessFailed, supervised, wait

PATIENCE = 900.0  # seconds without a new step or log line; a step of a 7B model takes minutes


def main(arguments: list[str]) -> None:
    profile, method, seed = arguments
    run = f"{method}-{seed}"
    results = Path("results") / profile
    plan = read_json(results / "plan" / "train" / f"{run}.json")
    train, backend = plan["settings"]["train"], plan["settings"]["backend"]
    versions = assert_versions(backend["platform"])
    folder = plan["settings"]["training_folder"]
    maker = "subset" if folder == "subsets" else "prepare"
    data = _existing(results / folder / f"{train['dataset']}.parquet", f"dvc repro {maker}@{profile}")
    model = _existing(results / "model", f"dvc repro model@{profile}")

    identity = hashlib.sha256(
        "".join([dump_json(plan), dump_json(versions), sha256(data), sha256(model)]).encode()
    ).hexdigest()
    work = (Path("work") / profile / "train" / f"{run}-{identity[:16]}").resolve()
    _writable(work)
    steps, log = work / "steps.jsonl", work / "verl.log"
    done, _ = training_state(steps)
    if done < train["steps"] or not (work / "checkpoints" / f"global_step_{train['steps']}").exists():
        write_json(work / "launch.json", overrides(plan, data.resolve(), model.resolve(), work))
        command = [sys.executable, "-m", "stages.backend.main", str(work / "launch.json")]
        with (
            Bar(f"train {run}", train["steps"]) as bar,
            supervised(command, environment(backend), log, f"train/{work}") as process,
        ):

            def progress() -> int:
                step, state = training_state(steps)
                bar.show(step, state)
                return step

            try:
                wait(process, log, PATIENCE, progress)
            except ProcessFailed as error:
                raise InputError(f"training {run} {error}")
    _export(results / "train" / run, work, train["steps"], {**versions, "seed": plan["seed"]})


def _export(output: Path, work: Path, steps: int, versions: dict) -> None:
    """The run's outputs from its work folder; InputError if verl ended well without having trained every step."""
    lines = list(read_jsonl(work / "steps.jsonl"))
    if [line["step"] for line in lines] != list(range(1, steps + 1)):
        raise InputError(
            f"{work / 'steps.jsonl'} does not hold the steps 1 to {steps}, each once: delete {work} and train again"
        )
    exported = work / "checkpoints" / f"global_step_{steps}" / "actor" / "huggingface"
    with output_folder(output) as folder:
        shutil.copyfile(work / "steps.jsonl", folder / "steps.jsonl")
        write_json(folder / "versions.json", {**versions, **read_json(work / "prompts.json")})
        (folder / "model").mkdir()
        for file in sorted(exported.iterdir()):
            shutil.copyfile(file, folder / "model" / file.name)
    shutil.copyfile(work / "timings.jsonl", output.with_name(f"{output.name}.timings.jsonl"))


def _existing(path: Path, command: str) -> Path:
    if not path.exists():
        raise InputError(f"{path} is missing: {command} makes it")
    return path


def _writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}; make its parent writable or free some space")
    if not os.access(folder, os.W_OK):
        raise InputError(f"cannot write {folder}: permission denied; make it writable")


if __name__ == "__main__":
    run_stage(main)
