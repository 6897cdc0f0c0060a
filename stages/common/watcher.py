"""Runs a command and outlives it: when the command or its supervisor has ended, everything that the command started is ended.

    python watcher.py LIFELINE COMMAND [ARGUMENT ...]

LIFELINE is the number of a descriptor, the reading end of a pipe whose other end the supervisor holds. It ends with the
supervisor, however that ends. What the command's processes leave behind become children of this process, whatever they do
to their session, their title or their environment, so that none is lost. The exit status is the command's.

Standard library only, and no import from this project: a small process of its own, in a session of its own.
"""

import ctypes
import os
import select
import signal
import sys
import time
from contextlib import suppress

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
PATIENCE = 5.0  # seconds from the request to end to the kill
POLL = 0.05
_libc = ctypes.CDLL(None)


def main() -> int:
    lifeline, command = int(sys.argv[1]), sys.argv[2:]
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: asked.append(number))
    child = os.fork()
    if child == 0:
        become(command)
    status = None
    while status is None and not asked and not select.select([lifeline], [], [], POLL)[0]:
        status = reap(child)
    ended = end_descendants(child)
    return status if status is not None else ended


def become(command: list[str]) -> None:
    try:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
    finally:
        os._exit(127)


def reap(child: int) -> int | None:
    """Takes notice of every process that has ended; the status of `child` if it is among them, negative for a signal."""
    found = None
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == child:
                found = os.waitstatus_to_exitcode(status)
    return found


def end_descendants(child: int) -> int:
    """Asks all to end, and after `PATIENCE` kills until none is left; the status of `child` if that is still to come."""
    found, number, deadline = 0, signal.SIGTERM, time.monotonic() + PATIENCE
    asked: set[int] = set()
    while left := descendants():
        for pid in left:
            if number == signal.SIGKILL or pid not in asked:
                asked.add(pid)
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        time.sleep(POLL)
        status = reap(child)
        found = found if status is None else status
        if time.monotonic() > deadline:
            number = signal.SIGKILL
    return found


def descendants() -> list[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as stream:
                # the name, which may hold anything, stands in parentheses
                fields = stream.read().rpartition(b")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(name))
    found = list(children.get(os.getpid(), []))
    for pid in found:  # which grows
        found += children.get(pid, [])
    return found


if __name__ == "__main__":
    status = main()
    if status < 0:  # ends as the command did
        signal.signal(-status, signal.SIG_DFL) if -status != signal.SIGKILL else None
        os.kill(os.getpid(), -status)
    sys.exit(status)
