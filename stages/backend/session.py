"""A training session: one process that trains one or more runs, one after the other, and what it tells of each.

Its output is `session.log` in the work folder of the first run; the lines from the start of a run to that of the next are
also in that run's own `verl.log`. A run leaves `failed.json` there when it fails.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from stages.artifacts.steps import last_step
from stages.backend.bench_config import RUN_BEGINS
from stages.backend.checkpoints import checkpoint, exported, last_whole
from stages.backend.config import OPERATION, session_settings
from stages.backend.environment import environment
from stages.backend.loggers import variables
from stages.common.files import read_json, write_json
from stages.common.supervise import ProcessFailed, last_lines, supervised, wait
from stages.profile.plans.operation import Operation
from stages.profile.plans.train import TrainPlan

# Seconds without a new step, log line or byte of a checkpoint. While it samples, computes or loads, verl says so every
# minute (worker.py). What is silent is the reading of a checkpoint: 91 GB for 7.6 B parameters, in this time from a disk of
# 100 MB/s.
PATIENCE = 900.0
SWEEP = 300.0  # seconds that all nodes of a joined cluster are looked through in


class Run(NamedTuple):
    """A run and the folder for its checkpoints and logs."""

    plan: TrainPlan
    work: Path

    @property
    def steps(self) -> Path:
        return self.work / "steps.jsonl"

    @property
    def log(self) -> Path:
        return self.work / "verl.log"

    def is_done(self) -> bool:
        last = last_step(self.steps)
        steps = self.plan.train.steps
        return last is not None and last["step"] == steps == last_whole(self.checkpoints)

    @property
    def checkpoints(self) -> Path:
        return self.work / "checkpoints"

    def forget_states(self) -> None:
        """Deletes what only a run that is not done needs: of the checkpoints only the exported weights of the last stay.

        From those the run's outputs can be written again; a training with other settings has another work folder.
        """
        last = checkpoint(self.checkpoints, self.plan.train.steps)
        for other in self.checkpoints.glob("global_step_*"):
            if other != last:
                shutil.rmtree(other)
        weights = exported(last)
        for path in [*last.iterdir(), *weights.parent.iterdir()]:
            if path not in (weights, weights.parent):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def failure(self) -> str | None:
        """Why the last session could not train the run."""
        path = self.work / "failed.json"
        return f"failed: {read_json(path)['reason']}; {last_lines(self.log)}" if path.exists() else None


def train(
    runs: list[Run],
    data: Path,
    model: Path,
    progress: Callable[[], object],
    operation: Operation = OPERATION,
    validation: Path | None = None,
) -> dict[str, str]:
    """Trains what is not done of `runs`; run -> reason for those that failed.

    A session that ends before its time has failed in the run that it was at. Another one trains those after it.
    `data` and `validation` are the files of `train.dataset` and `train.validation`. `progress()` is called twice a second.
    ProcessFailed when a session ends before any run has begun.
    """
    failed: dict[str, str] = {}
    while left := [run for run in runs if run.plan.run not in failed and not run.is_done()]:
        for run in left:
            run.work.mkdir(parents=True, exist_ok=True)
            (run.work / "failed.json").unlink(missing_ok=True)
        log = RunLogs(left)
        write_json(
            left[0].work / "launch.json",
            session_settings(
                list(left), data.resolve(), model.resolve(), operation, validation.resolve() if validation else None
            ),
        )
        command = [sys.executable, "-m", "stages.backend.main", str(left[0].work / "launch.json")]
        marks = [run.work / "session_log.txt" for run in left]

        def follow(log: "RunLogs" = log) -> object:
            log.follow()
            return progress(), log.current and bytes_below(log.current.work / "checkpoints")

        given = environment(left[0].plan.backend, operation.joins) | variables(operation.loggers, left[0].work)
        try:
            with (
                swept(operation, marks),
                meeting_place(operation) as place,
                supervised(command, given | place, log.path, *marks) as process,
            ):
                wait(process, log.path, PATIENCE, follow)
        except ProcessFailed as error:
            if log.current is None:
                raise
            if not log.current.is_done():
                failed[log.current.plan.run] = str(error)
        else:
            failed |= {run.plan.run: "ended before its last step" for run in left if not run.is_done()}
        failed |= {run.plan.run: reason for run in left if (reason := run.failure())}
    return failed


@contextmanager
def meeting_place(operation: Operation) -> Iterator[dict[str, str]]:
    """Tells verl where the ranks of a session on one machine find each other: at a file, as long as the block lasts.

    torch's server for that listens on all addresses, whatever it is told. Only a session in a cluster needs it.
    """
    if operation.joins:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="entropy_bench_") as folder:
        yield {"DIST_INIT_METHOD": f"file://{folder}/ranks"}


@contextmanager
def swept(operation: Operation, marks: list[Path]) -> Iterator[None]:
    """Ends, before the block and after it, what a session with one of `marks` has left on any node of a joined Ray cluster.

    ProcessFailed before the block where no cluster answers; after it only a note, since the runs are what they are.
    """
    if not operation.joins:
        yield
        return
    command = [sys.executable, "-m", "stages.backend.cluster", operation.ray_address, *map(str, marks)]

    def sweep() -> str | None:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SWEEP)
        except subprocess.TimeoutExpired:
            return f"the cluster does not answer within {SWEEP:g} s"
        return " ".join(done.stderr.split()[-60:]) if done.returncode else None

    if reason := sweep():
        raise ProcessFailed(f"failed: backend.ray_address: {operation.ray_address}: {reason}")
    try:
        yield
    finally:
        if reason := sweep():
            print(f"note: what the session left on other nodes may still run: {reason}", file=sys.stderr)


def bytes_below(folder: Path) -> int:
    """The bytes of all files below `folder`, which another process may be writing or deleting; 0 without a folder."""
    total = 0
    for above, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.stat(os.path.join(above, name)).st_size
    return total


class RunLogs:
    """Copies the lines of a session's log to the runs that they are about."""

    def __init__(self, runs: list[Run]):
        self.path = runs[0].work / "session.log"
        self.current: Run | None = None
        self._runs = {run.plan.run: run for run in runs}
        self._read = self.path.stat().st_size if self.path.exists() else 0

    def follow(self) -> None:
        """Copies what was written since the last call, whole lines only."""
        with self.path.open("rb") as stream:
            stream.seek(self._read)
            new = stream.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        begins = RUN_BEGINS.encode()
        for line in whole.splitlines(keepends=True):
            if begins in line:
                self.current = self._runs[line.partition(begins)[2].decode().strip()]
            if self.current:
                with self.current.log.open("ab") as stream:
                    stream.write(line)
