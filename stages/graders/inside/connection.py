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
from pathlib import Path

from values import decode, encode

LARGEST_REPLY = 1 << 22  # bytes


class Failed(Exception):
    """The solution raised, ended, or answered with something that is no plain value."""


class TooSlow(BaseException):  # a test's own `except Exception` must not swallow it
    pass


class Worker:
    """The untrusted side: a fresh interpreter, its socket, and the time by which it must be done."""

    def __init__(self, limits, **streams):
        self.limits = limits
        self.socket, theirs = socket.socketpair()
        with theirs:
            program = [str(Path(__file__).with_name("worker.py")), json.dumps(limits), str(theirs.fileno())]
            quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
            self.process = subprocess.Popen(
                [sys.executable, *sys.orig_argv[1 : -len(sys.argv)], *program],
                pass_fds=[theirs.fileno()], **{**quiet, **streams},
            )  # fmt: skip
        self.buffer, self.deadline = b"", time.monotonic() + limits["start_seconds"]
        self.receive()  # the interpreter is up: only from here does the solution's own time run
        self.allow_more_time()

    def allow_more_time(self):
        self.deadline = time.monotonic() + self.limits["wall_seconds"]

    def ask(self, message):
        try:
            self.socket.settimeout(max(0.01, self.deadline - time.monotonic()))
            self.socket.sendall(json.dumps(message).encode() + b"\n")
        except TimeoutError:
            raise TooSlow from None
        except OSError:
            self.fail_as_ended()
        return self.receive()

    def receive(self):
        while b"\n" not in self.buffer:
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
            if len(self.buffer) > LARGEST_REPLY:
                raise Failed("reply too large")
        line, self.buffer = self.buffer.split(b"\n", 1)
        try:
            answer = json.loads(line)
            if "raised" in answer:
                raise Failed(str(answer["raised"])[:200])
            return decode(answer["value"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise Failed("no plain value") from None

    def call(self, name, arguments, keywords):
        return self.ask({"name": name, "arguments": encode(arguments), "keywords": encode(keywords)})

    def converse(self, given):
        """What the program writes to standard output when it is given `given` (bytes) on standard input."""
        sink, source, output = self.process.stdin.fileno(), self.process.stdout.fileno(), b""
        os.set_blocking(sink, False)
        while True:
            left = max(0.0, self.deadline - time.monotonic())
            readable, writable, _ = select.select([source], [] if given is None else [sink], [], left)
            if not readable and not writable:
                raise TooSlow
            if writable:
                try:
                    given = given[os.write(sink, given[: 1 << 16]) :] or None
                except BrokenPipeError:  # a program need not read all its input
                    given = None
                if given is None:
                    self.process.stdin.close()
            if readable:
                part = os.read(source, 1 << 16)
                output += part
                if len(output) > LARGEST_REPLY:
                    raise Failed("output too large")
                if not part:
                    break
        if self.ended() != 0:
            self.fail_as_ended()
        return output.decode(errors="replace")

    def ended(self):
        """The exit status, negative for a signal; TooSlow if the process closed its streams and stays."""
        try:
            return self.process.wait(max(0.01, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise TooSlow from None

    def fail_as_ended(self):
        if self.ended() == -signal.SIGXCPU:  # its processor time was used up
            raise TooSlow
        raise Failed("ended early")

    def close(self):
        for stream in filter(None, (self.process.stdin, self.process.stdout, self.socket)):
            with contextlib.suppress(OSError):  # what was not yet sent
                stream.close()


def end_all_others():
    """Kills and reaps every other process of the sandbox, of which this one is the first, so also the orphans."""
    while True:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


@contextlib.contextmanager
def worker(limits, **streams):
    """A worker; this process's own work on what it returns is bounded too, by `signal.alarm` in the block."""

    def too_slow(*_):
        raise TooSlow

    started = None
    try:
        started = Worker(limits, **streams)
        signal.signal(signal.SIGALRM, too_slow)
        yield started
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # which the kernel does not deliver to a first process
        end_all_others()
        if started:
            started.process.returncode = -signal.SIGKILL  # it is reaped: Popen need not wait for it
            started.close()
