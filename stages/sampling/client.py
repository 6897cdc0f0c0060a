"""The process that requests samples (`requests.py`), as a stage sees it: given the jobs of one model after another."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stages.common.files import InputError, write_text
from stages.common.supervise import supervised, wait
from stages.sampling.job import Job
from stages.sampling.stored import count_lines, number_of_samples, stored_samples

PYTHON = Path(".venv/eval/bin/python")
PATIENCE = 3600.0  # seconds without a new sample


@contextmanager
def requesting(log: Path, *marks: Path) -> Iterator[subprocess.Popen]:
    """The process, which waits for jobs; `log` and `marks` as in `supervised`."""
    command = [str(PYTHON), "-m", "stages.sampling.requests"]
    with supervised(command, {"PYTHONPATH": os.getcwd()}, log, *marks, stdin=subprocess.PIPE) as process:
        yield process


def request(client: subprocess.Popen, jobs: list[Job], work: Path, show: Callable[[int], None]) -> None:
    """Returns when every sample of `jobs` is stored; ProcessFailed names the log, in `work`, if one cannot be had.

    `show` is told how many are stored so far.
    """
    log, files = work / "evalscope.log", [work / f"{job.benchmark}.job.json" for job in jobs]
    for file, job in zip(files, jobs, strict=True):
        write_text(file, job.model_dump_json())
    log.touch()
    assert client.stdin is not None
    with suppress(BrokenPipeError):  # it has ended: `wait` says how
        client.stdin.write(json.dumps([str(log), *map(str, files)]).encode() + b"\n")
        client.stdin.flush()
    stores = [stored_samples(job) for job in jobs]

    def progress() -> int:
        stored = sum(map(count_lines, stores))
        show(stored)
        return stored

    wait(client, log, PATIENCE, progress, goal=sum(map(number_of_samples, jobs)))


def check_environment() -> None:
    """InputError if the evaluation environment, in which EvalScope is installed, has not been built."""
    if not PYTHON.exists():
        raise InputError(f"{PYTHON} is missing: make setup builds the evaluation environment")
