"""Kills, full disks and second writers, at random moments of the pipeline: what is torn, what differs, what is left running.

    python -m perf.faults [--kills 20] [--fills 20] [--writers 8] [--seed 1] [TARGET ...]

Takes the two short runs of tests/pipeline/test_end_to_end.py. In one copy of the project `dvc repro TARGET...` (without a
target: everything) runs to its end. In a second copy it is killed again and again (kill −9 of DVC's process group), each time
at a moment drawn from the time that the first took, or while a checkpoint is written, and started again. A third copy lies in a
file system in memory, which is filled to its last byte at such moments and emptied when DVC has ended; only root can mount it.
Then both run to their end. In the first, two reports are built at once.

All copies must have the same `dvc.lock`, which holds the checksum of every result; a result may be missing after a fault,
never torn; ten seconds after a kill no process may be left; of two writers each ends well or says that another one writes.
Prints a line a fault. Exit status 1 where anything of this does not hold.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from stages.common.files import sha256
from tests.pipeline.test_end_to_end import pair_project
from tests.project import clean_environment, descendants_left

SHARE_WHILE_SAVING = 0.3  # of the kills wait for a checkpoint that is being written
PATIENCE = 10.0  # seconds after a kill in which every process has to end
MEMORY = "4g"  # of the file system in memory: far more than the project needs
SAVING = 600.0  # seconds that a kill waits for a checkpoint before it comes all the same


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--fills", type=int, default=20)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("targets", nargs="*")
    options = parser.parse_args()
    draw, wrong = random.Random(options.seed), 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        undisturbed = pair_project(root / "undisturbed")
        started = time.monotonic()
        repro(undisturbed, options.targets)
        seconds = time.monotonic() - started
        print(f"undisturbed: {seconds:.0f} s", flush=True)
        if options.kills:
            killed = pair_project(root / "killed")
            for number in range(options.kills):
                what, left = kill(killed, options.targets, draw, seconds)
                print(f"kill {number + 1} {what}: {len(left)} processes left", *left, sep="\n  ", flush=True)
                wrong += bool(left)
            repro(killed, options.targets)
            wrong += compared("killed", undisturbed, killed)
        if options.fills:
            with in_memory(root / "memory"):
                filled = pair_project(root / "memory/project")
                for number in range(options.fills):
                    print(f"full disk {number + 1} {fill(filled, options.targets, draw, seconds)}", flush=True)
                repro(filled, options.targets)
                wrong += compared("full disks", undisturbed, filled)
        if options.writers and not options.targets:
            wrong += sum(not two_reports(undisturbed) for _ in range(options.writers))
    print(f"{wrong} faults did harm")
    return int(bool(wrong))


def command(project: Path, targets: list[str]) -> subprocess.Popen:
    return subprocess.Popen(
        [project / ".venv/train/bin/dvc", "repro", *targets],
        cwd=project,
        stdout=subprocess.DEVNULL,
        stderr=log_of(project).open("wb"),
        start_new_session=True,
        env=clean_environment(),
    )


def log_of(project: Path) -> Path:
    """Where DVC's last words stand: not in the project, whose disk may be full."""
    return Path(tempfile.gettempdir()) / f"{project.parent.name}-{project.name}.log"


def repro(project: Path, targets: list[str]) -> None:
    if command(project, targets).wait():
        sys.exit(f"dvc repro failed:\n{log_of(project).read_text()[-3000:]}")
    log_of(project).unlink()


def kill(project: Path, targets: list[str], draw: random.Random, seconds: float) -> tuple[str, list[str]]:
    """Kills the pipeline once; says when, and what runs of it ten seconds later."""
    process, started = command(project, targets), time.monotonic()
    moment, saving = draw.uniform(0, seconds), draw.random() < SHARE_WHILE_SAVING
    while process.poll() is None:
        passed = time.monotonic() - started
        if is_saving(project) if saving and passed < SAVING else passed > moment:
            break
        time.sleep(0.005)
    with_checkpoint = is_saving(project)
    if process.poll() is not None:
        return "came after the end", descendants_left(project)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    passed = time.monotonic() - started
    time.sleep(PATIENCE)
    return f"after {passed:.1f} s{' while a checkpoint was written' * with_checkpoint}", descendants_left(project)


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


def fill(project: Path, targets: list[str], draw: random.Random, seconds: float) -> str:
    """Fills the disk once, until the pipeline has ended; says when, and how the pipeline ended."""
    process, started, moment = command(project, targets), time.monotonic(), draw.uniform(0, seconds)
    while process.poll() is None and time.monotonic() - started < moment:
        time.sleep(0.02)
    filler = project.parent / "filler"
    with filler.open("wb") as stream:
        free = shutil.disk_usage(project).free
        os.posix_fallocate(stream.fileno(), 0, free) if free else None
    status = process.wait()
    filler.unlink()
    said = [line for line in log_of(project).read_text().splitlines() if line.startswith(("error: ", "ERROR: "))]
    return f"after {moment:.1f} s: status {status}; {said[0][:150] if said else ''}"


def compared(name: str, undisturbed: Path, project: Path) -> int:
    """0 where the lock files are equal and every result is there as its lock says; prints what is not."""
    locks = [yaml.safe_load((folder / "dvc.lock").read_text()) for folder in (undisturbed, project)]
    outs = [out["path"] for stage in locks[0]["stages"].values() for out in stage.get("outs", [])]
    torn = [
        path for path in outs if not (project / path).exists() or sha256(project / path) != sha256(undisturbed / path)
    ]
    print(f"{name}: {'the same bytes' if locks[0] == locks[1] else 'OTHER BYTES'}, {len(torn)} results torn", *torn)
    return int(locks[0] != locks[1] or bool(torn))


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
    sys.exit(main())
