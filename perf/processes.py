"""Which processes a command's processor time goes to.

    python -m perf.processes make test-fast
    python -m perf.processes dvc repro

Looks at all that the command starts twice a second, and adds up by kind what each process had used when it was last seen. What
ends between two looks is not counted.
"""

import re
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress

import psutil

from stages.common.command import run_stage
from stages.common.files import InputError
from stages.common.tables import markdown_table

LOOK = 0.5  # seconds
# kind -> what its title or command line has; the first that fits counts
KINDS = {
    "a session's trainer": r"stages\.backend\.main",
    "the process that a session or server forks from": r"stages\.backend\.forking import listen",
    "a session's actor": r"^ray::WorkerDict",
    "vLLM in a session": r"^ray::vLLM|^VLLM::|vllm\.v1\.engine",
    "verl's queue": r"^ray::(SimpleStorage|TransferQueue)",
    "Ray's own": r"raylet|gcs_server|ray/dashboard|ray/_private|^ray::",
    "a server that samples": r"stages\.backend\.server|vllm serve|api_server",
    "pytest": r"pytest",
    "DVC": r"/dvc |-m dvc",
    "a grader's worker": r"multiprocessing\.spawn|resource_tracker",
    "a program in the sandbox": r"bwrap|stages/graders/inside",
    "a command of the bench": r"-m (stages|perf|tests)\.",
    "mypy and ruff": r"mypy|ruff",
    "pip": r"-m pip|locks/build",
}


def main(arguments: list[str]) -> None:
    if not arguments:
        raise InputError("usage: python -m perf.processes COMMAND …")
    began = time.monotonic()
    seen: dict[psutil.Process, tuple[str, float]] = {}
    with subprocess.Popen(arguments) as command:
        below = {command.pid}
        while command.poll() is None:
            for process in psutil.process_iter(["ppid"]):
                # whoever has lost its parent is still known by its own number
                if process.pid in below or process.info["ppid"] in below:
                    below.add(process.pid)
                    with suppress(psutil.Error, OSError):
                        seen[process] = used(process)
            time.sleep(LOOK)
    report(list(seen.values()), time.monotonic() - began)
    sys.exit(command.returncode)


def used(process: psutil.Process) -> tuple[str, float]:
    """The kind of a process, and the seconds of processor time that it has used."""
    line = process.name() if not (words := process.cmdline()) else " ".join(words)
    times = process.cpu_times()
    kind = next((kind for kind, pattern in KINDS.items() if re.search(pattern, line)), "other")
    return kind, times.user + times.system


def report(seen: list[tuple[str, float]], wall: float) -> None:
    """Prints a table, the kinds that took most first; `wall` in seconds."""
    number = Counter(kind for kind, _ in seen)
    seconds = dict.fromkeys(number, 0.0)
    for kind, of_one in seen:
        seconds[kind] += of_one
    total = sum(seconds.values())
    rows = [
        [kind, str(number[kind]), f"{of_kind:.0f}", f"{of_kind / total:.0%}"]
        for kind, of_kind in sorted(seconds.items(), key=lambda each: -each[1])
    ]
    print(f"\n{total:.0f} s of processor time in {wall:.0f} s\n")
    print(markdown_table(["processes", "number", "seconds", "share"], rows, "lrrr"))


if __name__ == "__main__":
    run_stage(main)
