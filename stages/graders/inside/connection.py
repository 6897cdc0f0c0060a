"""A worker as its supervisor sees it: a process tree, a socket, a deadline, and no trust."""

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from tree import Tree, end_all_others
from values import decode, encode
from worker import EXITS, OF_A_THREAD

SCRATCH = ("/tmp", "/dev/shm")  # where a solution may write, if it may anywhere
LOOK_SECONDS = 0.1  # from one look at what was written there to the next


class Failed(Exception):
    """The solution raised, ended, or answered with something that is no plain value; `limit` names what ended it."""

    def __init__(self, reason: str, limit: str = "") -> None:
        super().__init__(reason)
        self.limit = limit


class TooSlow(BaseException):  # a test's own `except Exception` must not swallow it
    pass


class Worker:
    """The untrusted side: a fresh interpreter, its socket, and the time by which it must be done.

    With `piped`, what the solution reads and writes as standard input and output comes from and goes to `converse`.
    """

    def __init__(self, limits: dict[str, int], piped: bool) -> None:
        self.limits = limits
        self.next_look = 0.0
        self.limit_of_a_thread = ""  # that ended a thread of the program while the rest of it went on
        self.socket, theirs = socket.socketpair()
        nothing = os.open(os.devnull, os.O_RDWR)
        given, self.sink = os.pipe() if piped else (nothing, -1)
        self.source, written = os.pipe() if piped else (-1, nothing)
        with theirs:
            program = [str(Path(__file__).with_name("worker.py")), json.dumps(limits), str(theirs.fileno())]
            command = [sys.executable, *sys.orig_argv[1 : -len(sys.argv)], *program]
            self.tree = Tree(command, (given, written, nothing), theirs.fileno())
        for descriptor in {given, written, nothing}:
            os.close(descriptor)
        self.buffer, self.deadline = bytearray(), time.monotonic() + limits["start_seconds"]
        self.receive()  # the interpreter is up: only from here does the solution's own time run
        self.allow_more_time()

    def allow_more_time(self) -> None:
        self.deadline = time.monotonic() + self.limits["wall_seconds"]

    def ask(self, message: dict[str, Any]) -> Any:
        """What the worker answers. Raises Failed or TooSlow."""
        try:
            self.socket.settimeout(max(0.01, self.deadline - time.monotonic()))
            self.socket.sendall(json.dumps(message).encode() + b"\n")
        except TimeoutError:
            raise TooSlow from None
        except OSError:
            self.fail_as_ended()
        return self.receive()

    def receive(self) -> Any:
        while not self.buffer.endswith(b"\n"):  # it answers once an order
            if not self.select([self.socket], [])[0]:
                continue
            try:
                part = self.socket.recv(1 << 16)
            except ConnectionResetError:
                part = b""
            self.buffer += part
            if not part:
                self.fail_as_ended()
            if len(self.buffer) > self.limits["output_bytes"]:
                raise Failed("value too large", "output")
        line, self.buffer = bytes(self.buffer), bytearray()
        try:
            answer = json.loads(line)
            if "raised" in answer:
                limit = answer.get("limit", "")
                raise Failed(str(answer["raised"])[:200], limit if limit in EXITS.values() else "")
            return decode(answer["value"])
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError):
            raise Failed("no plain value") from None

    def call(self, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any], methods: bool = False) -> Any:
        order = {"name": name, "methods": methods}
        return self.ask({**order, "arguments": encode(arguments), "keywords": encode(keywords)})

    def converse(self, text: bytes) -> str:
        """What the program writes to standard output when it is given `text` on standard input."""
        given: bytes | None = text
        output = bytearray()
        os.set_blocking(self.sink, False)
        while True:
            readable, writable = self.select([self.source], [] if given is None else [self.sink])
            if not readable and not writable:
                ended = self.tree.wait(0)
                if ended and ended[0]:  # it failed, though a process that it started keeps its output open
                    break
            if writable and given is not None:
                try:
                    given = given[os.write(self.sink, given[: 1 << 16]) :] or None
                except BrokenPipeError:  # a program need not read all its input
                    given = None
                if given is None:
                    os.close(self.sink)
                    self.sink = -1
            if readable:
                part = os.read(self.source, 1 << 16)
                output += part
                if len(output) > self.limits["output_bytes"]:
                    raise Failed("output too large", "output")
                if not part:
                    break
        status, _ = self.ended()
        self.limit_of_a_thread = EXITS.get(status - OF_A_THREAD, "")
        if status != 0 and not self.limit_of_a_thread:
            self.fail_as_ended()
        return output.decode(errors="replace")

    def select(self, sources: list[Any], sinks: list[Any]) -> tuple[list[Any], list[Any]]:
        """What can be read and written, after `LOOK_SECONDS` at most. TooSlow beyond the deadline, whatever is going on."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TooSlow
        ready = select.select(sources, sinks, [], min(left, LOOK_SECONDS))[:2]
        if self.limits["scratch_bytes"] and time.monotonic() > self.next_look:
            self.next_look = time.monotonic() + LOOK_SECONDS
            if any(map(self.holds_too_many, SCRATCH)):
                raise Failed("too many files", "files")
        return ready

    def holds_too_many(self, folder: str) -> bool:
        """A folder in memory bounds what its files hold, and not how many there are."""
        found = os.statvfs(folder)
        return found.f_files - found.f_ffree > self.limits["scratch_files"]

    def ended(self) -> tuple[int, float]:
        """The exit status and the processor time; TooSlow if the process closed its streams and stays."""
        ended = self.tree.wait(max(0.01, self.deadline - time.monotonic()))
        if ended is None:
            raise TooSlow
        return ended

    def fail_as_ended(self) -> NoReturn:
        status, seconds = self.ended()
        # its processor time was used up: the kernel kills where no warning was left
        if status == -signal.SIGXCPU or (status == -signal.SIGKILL and seconds >= self.limits["seconds"]):
            raise TooSlow
        raise Failed("ended early", EXITS.get(status, ""))

    def close(self) -> None:
        self.tree.close()
        self.socket.close()
        for descriptor in (self.sink, self.source):
            if descriptor >= 0:
                os.close(descriptor)


def empty(folder: str) -> None:
    """Removes what a solution wrote, so that no other one finds it. OSError where that cannot be done."""
    found, pending = [], [folder]
    while pending:
        found.append(pending.pop())
        os.chmod(found[-1], 0o1777)
        with os.scandir(found[-1]) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    os.unlink(entry.path)
    for path in found[:0:-1]:  # innermost first, and `folder` itself stays
        os.rmdir(path)


@contextlib.contextmanager
def worker(limits: dict[str, int], piped: bool = False) -> Iterator[Worker]:
    """A worker, ended with the block. `signal.alarm` in the block bounds this process's own work on what it returns."""

    def too_slow(*_: Any) -> NoReturn:
        raise TooSlow

    started = None
    try:
        started = Worker(limits, piped)
        signal.signal(signal.SIGALRM, too_slow)
        yield started
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # which the kernel does not deliver to a first process
        end_all_others()
        try:
            for folder in SCRATCH if limits["scratch_bytes"] else ():
                empty(folder)
        except OSError as error:
            sys.exit(f"the sandbox cannot be emptied: {error}")  # and so it ends: another takes its place
        if started:
            started.close()
