"""A worker as its supervisor sees it: a process, a socket, a deadline, and no trust."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from values import decode, encode
from worker import EXITS, OF_A_THREAD

SCRATCH = ("/tmp", "/dev/shm")  # where a solution may write, if it may anywhere


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
        self.limit_of_a_thread = ""  # that ended a thread of the program while the rest of it went on
        self.socket, theirs = socket.socketpair()
        with theirs:
            program = [str(Path(__file__).with_name("worker.py")), json.dumps(limits), str(theirs.fileno())]
            stream = subprocess.PIPE if piped else subprocess.DEVNULL
            self.process = subprocess.Popen(
                [sys.executable, *sys.orig_argv[1 : -len(sys.argv)], *program],
                pass_fds=[theirs.fileno()], stdin=stream, stdout=stream, stderr=subprocess.DEVNULL,
            )  # fmt: skip
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
            left = self.deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise TooSlow
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
        assert self.process.stdin and self.process.stdout
        given: bytes | None = text
        sink, source, output = self.process.stdin.fileno(), self.process.stdout.fileno(), bytearray()
        os.set_blocking(sink, False)
        while True:
            left = max(0.0, self.deadline - time.monotonic())
            readable, writable, _ = select.select([source], [] if given is None else [sink], [], min(left, 0.5))
            if not readable and not writable:
                if self.process.poll():  # it failed, though a process that it started keeps its output open
                    break
                if left == 0:
                    raise TooSlow
            if writable and given is not None:
                try:
                    given = given[os.write(sink, given[: 1 << 16]) :] or None
                except BrokenPipeError:  # a program need not read all its input
                    given = None
                if given is None:
                    self.process.stdin.close()
            if readable:
                part = os.read(source, 1 << 16)
                output += part
                if len(output) > self.limits["output_bytes"]:
                    raise Failed("output too large", "output")
                if not part:
                    break
        status = self.ended()
        self.limit_of_a_thread = EXITS.get(status - OF_A_THREAD, "")
        if status != 0 and not self.limit_of_a_thread:
            self.fail_as_ended()
        return output.decode(errors="replace")

    def ended(self) -> int:
        """The exit status, negative for a signal; TooSlow if the process closed its streams and stays."""
        try:
            return self.process.wait(max(0.01, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise TooSlow from None

    def fail_as_ended(self) -> NoReturn:
        status = self.ended()
        if status == -signal.SIGXCPU:  # its processor time was used up
            raise TooSlow
        raise Failed("ended early", EXITS.get(status, ""))

    def close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout, self.socket):
            with contextlib.suppress(OSError):  # what was not yet sent
                if stream:
                    stream.close()


def end_all_others() -> None:
    """Kills and reaps every other process of the sandbox, of which this one is the first, so also the orphans."""
    while True:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


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
            started.process.returncode = -signal.SIGKILL  # it is reaped: Popen need not wait for it
            started.close()
