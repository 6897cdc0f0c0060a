"""Rehearses a profile on a CPU: its own pipeline, with the real verl and vLLM, on a tiny model with random weights.

    make rehearse PROFILE=<name>      [MIRROR=<folder>] python -m stages.tools.rehearse <name>
        --methods grpo,steer          some of the profile's, all unless given
        --like FOLDER                 configuration and tokenizer as in this HF folder, such as the real model's

In `work/rehearsal/<profile>/`, a copy of the project with settings of its own, DVC prepares the profile's data with its own
lengths, trains every method a step, is killed, goes on from the checkpoint, exports, samples two problems of each
benchmark once, grades and reports. Rewards are forced, so that gradients are not 0. What was scaled down is
printed at the end, setting by setting; what no CPU can show is in docs/gpu.md. Status 1 where something went wrong.
"""

import argparse
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from stages.backend.checkpoints import last_whole
from stages.common.command import run_stage
from stages.common.files import InputError, held
from stages.common.options import Options
from stages.common.supervise import ProcessFailed, supervised, wait
from stages.common.yaml_reader import read_yaml
from stages.profile.effective_protocol import effective_protocol
from stages.profile.params import Params, load
from stages.sampling.lengths import counter
from stages.tools.rehearsal.folder import copy_project, keep_problems, set_up
from stages.tools.rehearsal.outcome import check_grades, check_resumed, check_training
from stages.tools.rehearsal.scaling import MODEL, scaled

PLACE = Path("work/rehearsal")
PATIENCE = 1800.0  # seconds without output or a new file: stages print what they do, and some of it takes minutes


def main(arguments: list[str]) -> None:
    options = parse(arguments)
    params = load(options.profile)
    methods = chosen(options.methods, params)
    content: Any = read_yaml(options.profile)
    settings, changes = scaled(content, params, methods)
    with held(PLACE / f"{params.profile}.lock") as mine:
        if not mine:
            raise InputError(f"profile: another process rehearses {params.profile}; wait for it")
        rehearsal = Rehearsal(PLACE / params.profile, settings, params)
        rehearsal.make(options.like)
        rehearsal.prepare()
        rehearsal.train_and_evaluate()
        rehearsal.check()
    print(f"\nscaled down, all else as in {options.profile}:")
    print("\n".join(f"  {line}" for line in [*(change.line() for change in changes), *rehearsal.scaled]))
    print(f"\nrehearsed {params.profile} in {time.monotonic() - rehearsal.began:.0f} s; {rehearsal.report}")


class Rehearsal:
    """One rehearsal in `folder`; `scaled` says what is scaled down beside settings."""

    def __init__(self, folder: Path, settings: dict[str, Any], params: Params):
        self.folder, self.settings, self.params = folder, settings, params
        self.profile, self.methods = settings["profile"], settings["methods"]
        self.runs = [f"{name}-{settings['seeds'][0]}" for name in self.methods]
        self.began = time.monotonic()
        self.scaled: list[str] = []

    @property
    def results(self) -> Path:
        return self.folder / "results" / self.profile

    @property
    def report(self) -> Path:
        return self.results / "report" / "index.html"

    def make(self, like: Path | None) -> None:
        """The folder anew, with the tiny model where the profile's is large."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        copy_project(self.folder, [own.file for own in self.params.data.own.values()])
        if self.settings["model"]["source"] == "folder":
            # torch and transformers take seconds to import
            from stages.tools.rehearsal.tiny_model import make

            name, positions = self.params.model.name, positions_of(self.params)
            said = make(name, positions, self.params.bench_seed, PLACE / "packages", like, self.folder / MODEL)
            self.scaled.append(f"model: in the place of {name}: {said}")
        set_up(self.folder, self.settings)
        load_here(self.folder)
        self.say("folder and model")

    def prepare(self) -> None:
        """The data as the profile has them, of which benchmarks then keep two problems."""
        self.dvc("repro", f"prepare@{self.profile}")
        protocol = effective_protocol(self.params.evaluation, self.params.data.prompt, 1)
        count = counter(self.results / "model")
        for name, (before, after) in keep_problems(self.results / "data", protocol.prompts, count).items():
            if before != after:
                self.scaled.append(f"{name}: {before} problems → {after} (the longest prompt and the first)")
        self.dvc("commit", "--force", f"prepare@{self.profile}")
        self.say(f"data, {len(protocol.prompts)} benchmarks: every prompt fits")

    def train_and_evaluate(self) -> None:
        if self.runs:
            self.scaled.append("reward: forced in training, half of all responses are right (forced_reward.py)")
            checkpoints = self.folder / "work" / self.profile / "train"

            def is_saved() -> bool:
                return any(last_whole(path) for path in checkpoints.glob(f"{self.runs[0]}-*/checkpoints"))

            self.dvc("repro", until=is_saved)
            self.say(f"{self.runs[0]}: step 1 and its checkpoint; killed")
        self.dvc("repro")
        self.say("all other stages")

    def check(self) -> None:
        for run in self.runs:
            print(f"  {check_training(self.folder, self.profile, run)}")
        if self.runs:
            print(f"  {check_resumed(self.folder, self.profile, self.runs[0])}")
        for model in sorted(path.name for path in (self.results / "grades").iterdir()):
            print(f"  {check_grades(self.folder, self.profile, model)}")
        if not self.report.is_file():
            raise InputError(f"{self.report} is missing: the log of the rehearsal is {self.folder / 'rehearsal.log'}")

    def dvc(self, *command: str, until: Any = None) -> None:
        """Runs a command of DVC's in the folder; with `until` kills it, and all that it has started, once that holds."""
        program = [str(Path(".venv/train/bin/dvc").absolute()), "--cd", str(self.folder.resolve()), *command]
        log, mirror = self.folder / "rehearsal.log", os.environ.get("MIRROR")
        given = {"MIRROR": str(Path(mirror).resolve())} if mirror else {}
        try:
            with supervised(program, given, log, self.folder / "rehearsal_log.txt") as process:
                wait(process, log, PATIENCE, until or (lambda: None), poll=0.1, goal=True)
                if until:
                    if process.poll() is not None:
                        raise InputError(f"{self.folder}: training ended before it could be killed; run again")
                    for started in psutil.Process(process.pid).children(recursive=True):
                        started.kill()
        except ProcessFailed as error:
            raise InputError(f"dvc {' '.join(command)} {error}")

    def say(self, what: str) -> None:
        print(f"{time.monotonic() - self.began:6.0f} s  {what}", flush=True)


def positions_of(params: Params) -> int:
    """The tokens that the profile's longest sequence has."""
    protocol = effective_protocol(params.evaluation, params.data.prompt, len(params.seeds))
    evaluated = (params.evaluation.max_prompt_tokens or params.train.max_prompt_tokens) + protocol.max_tokens
    return max(evaluated, params.train.max_prompt_tokens + params.train.max_response_tokens)


def load_here(folder: Path) -> None:
    """InputError where the scaled settings are not a profile, as `load` says; paths in them are the folder's."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        load(Path("params.yaml"))
    finally:
        os.chdir(before)


def chosen(names: str | None, params: Params) -> list[str]:
    wanted = names.split(",") if names else params.methods
    if unknown := [name for name in wanted if name not in params.methods]:
        raise InputError(f"--methods: {unknown[0]!r} is none of the profile's methods, {', '.join(params.methods)}")
    return wanted


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = Options("stages.tools.rehearse", "Rehearses a profile on a CPU")
    parser.add_profile()
    parser.add_argument("--methods", help="some of the profile's, separated by commas")
    parser.add_argument("--like", type=Path, help="an HF folder whose configuration and tokenizer the tiny model has")
    options = parser.parse_args(arguments)
    if options.like and not (options.like / "config.json").is_file():
        raise InputError(f"--like: {options.like} has no config.json; give an HF folder")
    return options


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a terminal's or file's
    run_stage(main)
