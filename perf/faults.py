"""Kills, full disks and second writers, at random moments of every stage: what is torn, what differs, what is left running.

    python -m perf.faults [--kills 20] [--fills 20] [--writers 8] [--stages train,…] [--seed 1] [--write]

Takes the two short runs of tests/pipeline/pair.py. In one copy of the project the pipeline runs to its end, and the
time of each kind of stage is taken. In a second copy, where all of it stands, a kind of stage is run again from nothing and
killed (kill −9 of DVC's process group) at a moment drawn from its time, or while a checkpoint is written, and then run to its
end; so with each kind in turn, until there were so many kills. A third copy lies in a file system in memory, which is filled to
its last byte at such moments and emptied when DVC has ended; only root can mount it. In the first, two reports are built at once.

What a stage writes must be the bytes of the first copy; ten seconds after a kill no process may be left; of two writers each ends
well or says that another one writes. Prints a line a fault; `--write` puts the counts of what ran into docs/development.md. Exit
status 1 where anything of this does not hold.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import yaml

from perf.pages import write_part
from stages.common.command import run_stage
from stages.common.files import sha256
from stages.common.options import Options, at_least
from tests.pipeline.pair import pair_project
from tests.project import clean_environment, descendants_left

SHARE_WHILE_SAVING = 0.5  # of the kills of a training wait for a checkpoint that is being written
PATIENCE = 10.0  # seconds after a kill in which every process has to end
MEMORY = "4g"  # of the file system in memory: far more than the project needs
MEGABYTE = bytes(1 << 20)
DOCUMENT = Path("docs/development.md")
Stages = dict[str, list[str]]  # kind -> names, in the order in which they ran


def main(arguments: list[str]) -> None:
    parser = Options("perf.faults", __doc__)
    parser.add_argument("--kills", type=at_least(0), default=20)
    parser.add_argument("--fills", type=at_least(0), default=20)
    parser.add_argument("--writers", type=at_least(0), default=8)
    parser.add_argument(
        "--stages", type=lambda text: text.split(","), help="kinds of stages, separated by commas; all unless given"
    )
    parser.add_argument("--seed", type=at_least(0), default=1, help="of the moments")
    parser.add_argument("--write", action="store_true", help=f"put the counts into {DOCUMENT}")
    options = parser.parse_args(arguments)
    draw, harm = random.Random(options.seed), {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        undisturbed = pair_project(root / "undisturbed")
        stages, seconds = timed(undisturbed)
        print("undisturbed:", *(f"{kind} {passed:.0f} s" for kind, passed in seconds.items()), flush=True)
        if unknown := set(options.stages or []) - stages.keys():
            parser.error(f"--stages: {', '.join(unknown)} is none of {', '.join(stages)}")
        kinds = options.stages or list(stages)
        if options.kills:
            killed = copied(undisturbed, root / "killed")
            harm["kills"] = sum(
                fault(kill, killed, undisturbed, kind, stages[kind], seconds[kind], draw)
                for kind in islice(cycle(kinds), options.kills)
            )
        if options.fills:
            with in_memory(root / "memory"):
                filled = copied(undisturbed, root / "memory/project")
                harm["full disks"] = sum(
                    fault(fill, filled, undisturbed, kind, stages[kind], seconds[kind], draw)
                    for kind in islice(cycle(kinds), options.fills)
                )
        if options.writers:
            harm["pairs of writers"] = sum(not two_reports(undisturbed) for _ in range(options.writers))
    counts = {"kills": options.kills, "full disks": options.fills, "pairs of writers": options.writers}
    for what, number in harm.items():
        of = "" if what == "pairs of writers" else f" The stages in turn: {', '.join(kinds)}."
        said = f"{counts[what]} {what}: {number} did harm.{of}"
        print(said)
        if options.write:
            write_part(DOCUMENT, what, f"{said}\n")
    if any(harm.values()):
        sys.exit(1)


def timed(project: Path) -> tuple[Stages, dict[str, float]]:
    """Runs the pipeline to its end; the names of its stages by kind, and the seconds that each kind took."""
    stages: Stages = {}
    seconds: dict[str, float] = {}
    kind, since = "", 0.0
    with command(project, ["repro"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if begun := re.match(rb"Running stage '((\w+)@.*)'", line):
                now = time.monotonic()
                seconds[kind] = seconds.get(kind, 0.0) + now - since
                name, kind, since = begun[1].decode(), begun[2].decode(), now
                stages.setdefault(kind, []).append(name)
    seconds[kind] = seconds.get(kind, 0.0) + time.monotonic() - since
    if process.returncode:
        sys.exit(f"dvc repro failed:\n{log_of(project).read_text()[-3000:]}")
    return stages, {kind: seconds[kind] for kind in stages}


def copied(project: Path, target: Path) -> Path:
    """The project with its results, and without what its stages need on the way to them."""
    shutil.copytree(project, target, symlinks=True, ignore=shutil.ignore_patterns("work"))
    return target


def fault(
    disturb: Callable[[Path, list[str], random.Random, float], tuple[str, list[str]] | None],
    project: Path,
    undisturbed: Path,
    kind: str,
    names: list[str],
    seconds: float,
    draw: random.Random,
) -> bool:
    """Disturbs the stages of one kind while they run from nothing, then runs them to their end; True where that did harm."""
    again = ["repro", "--force", "--single-item", *names]
    while True:
        shutil.rmtree(project / "work", ignore_errors=True)
        if disturbed := disturb(project, again, draw, seconds):
            break
    what, left = disturbed
    repro(project, again)
    outs = [out["path"] for name in names for out in locked(undisturbed)[name]["outs"]]
    torn = [out for out in outs if not (project / out).exists() or sha256(project / out) != sha256(undisturbed / out)]
    print(
        f"{kind} {what}: {len(torn)} results differ, {len(left)} processes left", *torn, *left, sep="\n  ", flush=True
    )
    return bool(torn or left)


def locked(project: Path) -> dict[str, Any]:
    return yaml.safe_load((project / "dvc.lock").read_text())["stages"]


def command(project: Path, arguments: list[str], stdout: int = subprocess.DEVNULL) -> subprocess.Popen:
    return subprocess.Popen(
        [project / ".venv/train/bin/dvc", *arguments],
        cwd=project,
        stdout=stdout,
        stderr=log_of(project).open("wb"),
        start_new_session=True,
        env=clean_environment(),
    )


def log_of(project: Path) -> Path:
    """Where DVC's last words stand: not in the project, whose disk may be full."""
    return Path(tempfile.gettempdir()) / f"{project.parent.name}-{project.name}.log"


def repro(project: Path, arguments: list[str]) -> None:
    if command(project, arguments).wait():
        sys.exit(f"dvc {' '.join(arguments)} failed:\n{log_of(project).read_text()[-3000:]}")
    log_of(project).unlink()


def kill(project: Path, arguments: list[str], draw: random.Random, seconds: float) -> tuple[str, list[str]] | None:
    """Kills DVC and its stage once; when, and what runs of it ten seconds later. None where it had ended before."""
    process, started = command(project, arguments), time.monotonic()
    moment, saving = draw.uniform(0, seconds), draw.random() < SHARE_WHILE_SAVING
    while process.poll() is None:
        passed = time.monotonic() - started
        if (saving and is_saving(project)) or passed > moment + saving * seconds:
            break
        time.sleep(0.005)
    with_checkpoint = is_saving(project)
    if process.poll() is not None:
        return None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    passed = time.monotonic() - started
    time.sleep(PATIENCE)
    return f"killed after {passed:.1f} s{' while a checkpoint was written' * with_checkpoint}", descendants_left(
        project
    )


def is_saving(project: Path) -> bool:
    """Whether a checkpoint has a folder and is not the last one that is marked as whole."""
    for checkpoints in project.glob("work/*/train/*/checkpoints"):
        mark = checkpoints / "last_whole_step.txt"
        whole = mark.read_text().strip() if mark.exists() else "0"
        steps = [int(folder.name.rpartition("_")[2]) for folder in checkpoints.glob("global_step_*")]
        if steps and max(steps) > int(whole):
            return True
    return False


@contextmanager
def in_memory(folder: Path) -> Iterator[None]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEMORY}", "none", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(project: Path, arguments: list[str], draw: random.Random, seconds: float) -> tuple[str, list[str]] | None:
    """Fills the disk once, until DVC has ended; when, and how it ended. None where it had ended before."""
    process, started, moment = command(project, arguments), time.monotonic(), draw.uniform(0, seconds)
    while process.poll() is None and time.monotonic() - started < moment:
        time.sleep(0.02)
    if process.poll() is not None:
        return None
    filler = project.parent / "filler"
    with filler.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(MEGABYTE)
    status = process.wait()
    filler.unlink()
    said = [line for line in log_of(project).read_text().splitlines() if line.startswith(("error: ", "ERROR: "))]
    return f"with a full disk after {moment:.1f} s: status {status}; {said[0][:150] if said else ''}", []


def two_reports(project: Path) -> bool:
    """Whether of two reports built at once each ends well or says why not, and the one in place is whole."""
    wanted, build = sha256(project / "results/pair/report"), [".venv/train/bin/python", "-m", "stages.report", "pair"]
    writers = [subprocess.Popen(build, cwd=project, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [writer.communicate()[1] for writer in writers]
    ended = [writer.returncode for writer in writers]
    told = all("another process is writing" in text for text, status in zip(said, ended, strict=True) if status)
    whole = sha256(project / "results/pair/report") == wanted
    print(f"two writers: status {ended}, {'whole' if whole else 'TORN'}", flush=True)
    return whole and told and 0 in ended


if __name__ == "__main__":
    run_stage(main)
