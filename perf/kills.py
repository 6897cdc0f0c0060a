"""Kills a shared training session at random moments without a warning, and compares what it ends in with an undisturbed one.

    python -m perf.kills [--kills 5] [--seed 1]

Takes the two short runs of tests/pipeline/test_end_to_end.py, twelve steps in all. In one copy of the project `dvc repro train`
runs to its end. In another it is killed (kill −9 of DVC's process group) and started again, `--kills` times, each time up to
three seconds after a step that is drawn at random; the first of them before any. Then it runs to its end. Both must have the
same `dvc.lock`, which holds the checksum of every result, and leave no process. Prints what had been done at every kill. Exit
status 1 where the bytes differ or a process is left.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from tests.pipeline.test_end_to_end import pair_project
from tests.project import clean_environment, descendants_left

STEPS = 12
DELAY = 3.0  # seconds, at most
SECONDS_TO_START = 60.0  # before the first step, a kill comes up to so long after the command


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    options = parser.parse_args()
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        undisturbed, killed = (pair_project(Path(folder) / name) for name in ("undisturbed", "killed"))
        repro(undisturbed)
        for number, step in enumerate([0, *sorted(draw.choices(range(1, STEPS), k=options.kills - 1))], 1):
            delay = draw.uniform(0, DELAY if step else SECONDS_TO_START)
            print(f"kill {number}: {kill(killed, step, delay)}", flush=True)
        repro(killed)
        locks = [yaml.safe_load((project / "dvc.lock").read_text()) for project in (undisturbed, killed)]
        time.sleep(10)
        left = [*descendants_left(undisturbed), *descendants_left(killed)]
    print(f"{'the same bytes' if locks[0] == locks[1] else 'OTHER BYTES'}, {len(left)} processes left", *left, sep="\n")
    return int(locks[0] != locks[1] or bool(left))


def command(project: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [project / ".venv/train/bin/dvc", "repro", "train"],
        cwd=project,
        stdout=subprocess.DEVNULL,
        stderr=(project.parent / f"{project.name}.log").open("ab"),
        start_new_session=True,
        env=clean_environment(),
    )


def repro(project: Path) -> None:
    if command(project).wait():
        sys.exit(f"dvc repro failed:\n{(project.parent / f'{project.name}.log').read_text()[-3000:]}")


def kill(project: Path, step: int, delay: float) -> str:
    """Kills the pipeline `delay` seconds after step number `step` of all runs together, and says what was done by then."""
    process = command(project)
    while sum(done(project).values()) < step:
        if process.poll() is not None:
            return "had already ended"
        time.sleep(0.05)
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return ", ".join(f"{run} at step {step}" for run, step in done(project).items()) or "before the first step"


def done(project: Path) -> dict[str, int]:
    """How many steps of each run are logged."""
    logs = sorted(project.glob("work/pair/train/*/steps.jsonl"))
    return {path.parent.name.rpartition("-")[0]: len(path.read_bytes().splitlines()) for path in logs}


if __name__ == "__main__":
    sys.exit(main())
