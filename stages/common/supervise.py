"""Runs one long process and all that it starts: its output goes to a log file, and nothing of it outlives the call.

Ray and vLLM start processes that leave their parent's group and may survive it. Three nets catch them: the supervisor
is a subreaper, so orphans become its children; every descendant carries a mark in its environment (until it overwrites
it with a title, as Ray's do), by which the next call finds what a kill -9 of the supervisor itself left behind; and the
first process dies with its supervisor.
"""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from pathlib import Path

import psutil

MARK = "ENTROPY_BENCH_RUN"
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LAST_LINES = 20
_libc = ctypes.CDLL(None, use_errno=True)


class ProcessFailed(Exception):
    """A supervised process ended badly or made no progress; the message names its log and shows the last lines."""


@contextmanager
def supervised(
    command: list[str], environment: dict[str, str], log: Path, *marks: str, stdin: int = subprocess.DEVNULL
):
    """Starts `command` with its output appended to `log`; yields the process; ends everything it started on leaving.

    `marks` name what it works on: what an earlier, killed call with one of them left running is ended first. `stdin` is
    what `subprocess.Popen` takes.
    """
    _end(_marked(marks))
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    before = set(psutil.Process().children(recursive=True))
    log.parent.mkdir(parents=True, exist_ok=True)
    previous = signal.signal(signal.SIGTERM, _interrupt)
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment, MARK: "\n".join(marks)},
            stdin=stdin,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the supervisor only, which then ends the rest in order
            preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
        )
        try:
            yield process
        finally:
            _end(set(_marked(marks)) | set(psutil.Process().children(recursive=True)) - before)
            signal.signal(signal.SIGTERM, previous)


def wait(
    process: subprocess.Popen,
    log: Path,
    patience: float,
    progress: Callable[[], object],
    poll: float = 0.5,
    goal: object = None,
) -> None:
    """Waits until `process` ends well, or until `progress()` is `goal`, if one is given.

    Raises ProcessFailed when it ends with another status, or when neither `progress()` nor the size of the log has
    changed for `patience` seconds (a dead vLLM worker makes verl wait forever).
    """
    seen, since = None, time.monotonic()
    while (status := process.poll()) is None:
        now = (progress(), log.stat().st_size)
        if goal is not None and now[0] == goal:
            return
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > patience:
            raise ProcessFailed(f"no progress for {patience:.0f} s; {last_lines(log)}")
        time.sleep(poll)
    progress()
    if status:
        raise ProcessFailed(f"ended with status {status}; {last_lines(log)}")


def last_lines(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
    return f"its log is {log}, which ends:\n" + "\n".join(f"  | {line[:300]}" for line in lines)


def _end(processes: Iterable[psutil.Process], patience: float = 5.0) -> None:
    """Asks every process to end and kills what is left after `patience` seconds."""
    left = list(processes)
    for send in (psutil.Process.terminate, psutil.Process.kill):
        for process in left:
            try:
                send(process)
            except psutil.NoSuchProcess:
                continue
        _, left = psutil.wait_procs(left, timeout=patience)


def _marked(marks: Iterable[str]) -> list[psutil.Process]:
    """Processes that carry one of `marks`, this one apart."""
    found, wanted = [], set(marks)
    for process in psutil.process_iter():
        try:
            if (
                process.pid != os.getpid()
                and wanted & set(process.environ().get(MARK, "").split("\n"))
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def _interrupt(signum, frame):
    raise KeyboardInterrupt  # so that `finally` blocks run on SIGTERM as they do on Ctrl-C
