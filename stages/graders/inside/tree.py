"""A program as a process tree of its own: it sees no process outside, and ends with its first one.

    supervisor -- first process of the tree -- the program -- whatever it starts

The first process lives in new namespaces of processes and users. It is the supervisor's own code: it starts the program,
reaps what that leaves behind, and tells the supervisor how the program ended. No program can signal it, and the kernel
kills the whole tree when it is killed. The program is under the filter of system calls before its first instruction.

Standard library only: this file is handed to the sandbox's interpreter (see supervisor.py).
"""

import contextlib
import ctypes
import os
import select
import signal
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

CLONE_NEWUSER, CLONE_NEWPID = 0x10000000, 0x20000000  # linux/sched.h
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2  # linux/prctl.h, linux/seccomp.h
INSTRUCTION_BYTES = 8
REPORT = struct.Struct("id")  # exit status, negative for a signal; seconds of processor time
FILTER = Path(__file__).with_name("filter")
_libc = ctypes.CDLL(None, use_errno=True)


class Tree:
    """A running program. `streams` are the descriptors that it has as standard input, output and error.

    `kept` is a further descriptor that it has under the same number. Where the tree cannot be made, this process ends.
    """

    def __init__(self, command: list[str], streams: tuple[int, int, int], kept: int) -> None:
        self._ended: tuple[int, float] | None = None
        self._report, told = os.pipe()
        outside = os.fork()
        if outside == 0:
            _never_return(_make_tree, command, streams, kept, told)
        os.close(told)
        _, status = os.waitpid(outside, 0)  # its child is now this process's
        if status:
            sys.exit(f"no namespaces for a program: {os.strerror(os.waitstatus_to_exitcode(status))}")

    def wait(self, seconds: float) -> tuple[int, float] | None:
        """Exit status (negative for a signal) and seconds of processor time; None where it has not ended by then.

        The time is the program's and that of those of its children that it waited for.
        """
        if self._ended is None and select.select([self._report], [], [], seconds)[0]:
            told = os.read(self._report, REPORT.size)
            # without a report the first process has been ended, and the program with it
            self._ended = REPORT.unpack(told) if len(told) == REPORT.size else (-signal.SIGKILL, 0.0)
        return self._ended

    def close(self) -> None:
        os.close(self._report)


def end_all_others() -> None:
    """Kills and reaps every other process of the sandbox, of which this one is the first."""
    while True:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _never_return(function: Callable[..., int], *arguments: Any) -> NoReturn:
    """Of a forked process, which must not go on with what its parent does."""
    status = 1
    try:
        status = function(*arguments)
    except OSError as error:
        status = error.errno or 1
    finally:
        os._exit(status)


def _make_tree(command: list[str], streams: tuple[int, int, int], kept: int, told: int) -> int:
    if _libc.unshare(CLONE_NEWUSER | CLONE_NEWPID):
        return ctypes.get_errno()
    if os.fork() == 0:
        _never_return(_first_process, command, streams, kept, told)
    return 0


def _first_process(command: list[str], streams: tuple[int, int, int], kept: int, told: int) -> int:
    program = os.fork()
    if program == 0:
        _never_return(_become, command, streams, kept)
    os.dup2(told, 0)
    os.closerange(1, os.sysconf("SC_OPEN_MAX"))  # else the ends of the program's pipes would stay open
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status, used = os.wait4(-1, 0)
            if pid == program:
                os.write(0, REPORT.pack(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime))
    return 0


def _become(command: list[str], streams: tuple[int, int, int], kept: int) -> NoReturn:
    os.setsid()
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    os.set_inheritable(kept, True)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores
        signal.signal(number, signal.SIG_DFL)
    instructions = FILTER.read_bytes()
    program = ctypes.create_string_buffer(instructions, len(instructions))
    # struct sock_fprog: the number of instructions, and where they are
    described = struct.pack("HP", len(instructions) // INSTRUCTION_BYTES, ctypes.addressof(program))
    for order in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, described, 0, 0)):
        if _libc.prctl(*order):
            raise OSError(ctypes.get_errno(), "the filter of system calls cannot be set")
    os.execv(command[0], command)
