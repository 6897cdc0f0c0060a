"""Runs one long process and all that it starts: its output goes to a log file, and nothing of it outlives the call.

Ray and vLLM start processes that leave their parent's group, its session and its environment, and may survive it. What
catches them:

- A watcher (watcher.py) is the parent of them all, and outlives the supervisor: it ends them when the process or the
  supervisor has ended, also after a kill -9 of the supervisor or a closed terminal.
- Where the watcher itself is killed, they become children of the supervisor, which ends them with the call.
- Where both are killed, the next call finds them: by a mark in their environment, and by the log that is their standard
  output, which no title overwrites; then by who started whom.
"""

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from stages.common.files import write_text

WATCHER = Path(__file__).with_name("watcher.py")
MARK = "ENTROPY_BENCH_RUN"
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
LAST_LINES = 20
PATIENCE = 5.0  # seconds from the request to end to the kill
_libc = ctypes.CDLL(None, use_errno=True)


class ProcessFailed(Exception):
    """A supervised process ended badly or made no progress; the message names its log and shows the last lines."""


@contextmanager
def supervised(
    command: list[str], environment: dict[str, str], log: Path, *marks: Path, stdin: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen]:
    """Starts `command` with its output appended to `log`; yields the process; ends everything it started on leaving.

    `marks` are files that stand for what it works on; each will hold the path of the log. What an earlier, killed call with
    one of them left running is ended first, so a caller holds a lock on what it works on. `stdin` is what
    `subprocess.Popen` takes.
    """
    _end(_tied(marks))
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    before = set(psutil.Process().children())
    for mark in marks:
        write_text(mark, str(log.resolve()))
    log.parent.mkdir(parents=True, exist_ok=True)
    lifeline, held = os.pipe()
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(WATCHER), str(lifeline), *command],
            env={**os.environ, **environment, MARK: "\n".join(map(_identity, marks))},
            stdin=stdin,
            stdout=stream,
            stderr=subprocess.STDOUT,
            pass_fds=[lifeline],
            start_new_session=True,  # Ctrl-C reaches the supervisor only, which then ends the rest in order
        )
        os.close(lifeline)
        try:
            yield process
        finally:
            os.close(held)
            with suppress(subprocess.TimeoutExpired):
                process.wait(2 * PATIENCE)
            orphans = set(psutil.Process().children()) - before
            _end(_tied(marks) | orphans.union(*(_below(orphan) for orphan in orphans)))


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


def end_left(marks: Iterable[Path]) -> int:
    """Ends what calls with one of `marks` have started on this machine, and all below; how many processes that were."""
    found = _tied(marks)
    _end(found)
    return len(found)


def last_lines(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
    return f"its log is {log}, which ends:\n" + "\n".join(f"  | {line[:300]}" for line in lines)


def _end(processes: Iterable[psutil.Process]) -> None:
    """Asks every process to end and kills what is left after `PATIENCE`."""
    left = list(processes)
    for send in (psutil.Process.terminate, psutil.Process.kill):
        for process in left:
            with suppress(psutil.NoSuchProcess):
                send(process)
        _, left = psutil.wait_procs(left, timeout=PATIENCE)


def _tied(marks: Iterable[Path]) -> set[psutil.Process]:
    """Processes that a call with one of `marks` has started, and all below these; none above this one, nor itself."""
    wanted = {_identity(mark).encode() for mark in marks}
    logs = {mark.read_text(encoding="utf-8") for mark in marks if mark.exists()}
    found: set[psutil.Process] = set()
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if wanted & _marks_of(process.pid) or logs & _outputs_of(process.pid):
                found |= {process} | _below(process)
    this = psutil.Process()
    return found - {this, *this.parents()}


def _below(process: psutil.Process) -> set[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return set(process.children(recursive=True))
    return set()


def _identity(mark: Path) -> str:
    return str(mark.resolve())


def _marks_of(pid: int) -> set[bytes]:
    """Those in its environment, read to its end: psutil stops where a title has overwritten the beginning."""
    for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
        name, _, value = entry.partition(b"=")
        if name == MARK.encode():
            return set(value.split(b"\n"))
    return set()


def _outputs_of(pid: int) -> set[str]:
    """The files that its standard output and error go to."""
    found = set()
    for number in (1, 2):
        with suppress(OSError):
            found.add(os.readlink(f"/proc/{pid}/fd/{number}").removesuffix(" (deleted)"))
    return found
