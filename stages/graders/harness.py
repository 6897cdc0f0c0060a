"""What runs inside the sandbox: a supervisor that is trusted, and for each program a worker that is not.

The supervisor reads one JSON line a program, runs its tests, and answers one JSON line with the program's token.
The solution itself lives in the worker. To a test the solution is a function that sends its arguments to the worker and
gets a plain value back, so a solution can do no more than return values: it never sees the tests, the token, or the
supervisor's output, and an object that claims to equal everything cannot cross. Ending early, by `os._exit(0)` or
otherwise, is a failure. After each program every other process in the sandbox is killed.

Standard library only, and no import from this project: it is handed to the sandbox's interpreter as text.
"""

import contextlib
import ctypes
import json
import os
import random
import resource
import select
import signal
import subprocess
import sys
import time

LARGEST_REPLY = 1 << 22  # bytes
PR_SET_DUMPABLE = 4


class Failed(Exception):
    """The solution raised, ended, or answered with something that is no plain value."""


class TooSlow(BaseException):  # a test's own `except Exception` must not swallow it
    pass


def encode(value, depth=0):
    """Plain values as JSON that keeps tuples, sets, and dictionaries with any key apart."""
    kind = type(value)
    if depth > 50:
        raise ValueError("nested too deeply")
    if value is None or kind in (bool, str):
        return value
    if kind is int:
        return {"int": hex(value)}
    if kind is float:
        return {"float": repr(value)}
    if kind is complex:
        return {"complex": [repr(value.real), repr(value.imag)]}
    if kind is bytes:
        return {"bytes": value.hex()}
    if kind in (list, tuple, set, frozenset):
        return {kind.__name__: [encode(item, depth + 1) for item in value]}
    if kind is dict:
        return {"dict": [[encode(key, depth + 1), encode(item, depth + 1)] for key, item in value.items()]}
    raise ValueError(f"{kind.__name__} is no plain value")


def decode(content):
    if not isinstance(content, dict):
        return content
    ((kind, value),) = content.items()
    sequences = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
    if kind in sequences:
        return sequences[kind](decode(item) for item in value)
    if kind == "dict":
        return {decode(key): decode(item) for key, item in value}
    if kind == "complex":
        return complex(*map(float, value))
    return {"int": lambda text: int(text, 16), "float": float, "bytes": bytes.fromhex}[kind](value)


class Worker:
    """The untrusted side: a fresh interpreter, its pipes, and the time by which it must be done."""

    def __init__(self, limits):
        arguments = [sys.executable, *sys.orig_argv[1:-2], "worker", json.dumps(limits)]
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.buffer, self.deadline = b"", time.monotonic() + limits["start_seconds"]

    def start(self, source, limits):
        self.receive()  # the interpreter is up: only from here does the program's own time run
        self.deadline = time.monotonic() + limits["seconds"]
        self.ask({"source": source})

    def ask(self, message):
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed("ended early") from None
        return self.receive()

    def receive(self):
        while b"\n" not in self.buffer:
            left = self.deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise TooSlow
            part = os.read(self.process.stdout.fileno(), 1 << 16)
            self.buffer += part
            if not part or len(self.buffer) > LARGEST_REPLY:
                raise Failed("ended early" if not part else "reply too large")
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

    def end(self):
        """Kills and reaps every other process of the sandbox, of which this one is the first, so also the orphans."""
        while True:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                break
        self.process.returncode = -signal.SIGKILL  # Popen need not wait for it
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):  # what was not yet sent
                pipe.close()


def judge(program, limits):
    """(status, detail): "passed", "failed" or "timeout"."""
    random.seed(0)  # tests that draw their cases draw the same ones every time
    worker = Worker(limits)
    try:
        worker.start(program["solution"], limits)
        names = {"__name__": "tests"}
        exec(compile(program["preamble"], "preamble", "exec"), names)

        def candidate(*arguments, **keywords):
            return worker.call(program["entry_point"], arguments, keywords)

        names[program["entry_point"]] = candidate
        exec(compile(program["tests"], "tests", "exec"), names)
        if callable(names.get("check")):  # HumanEval's form
            names["check"](candidate)
        return "passed", ""
    except TooSlow:
        return "timeout", ""
    except Exception as error:  # a wrong answer may raise anything in a test, not AssertionError alone
        return "failed", f"{type(error).__name__}: {error}"[:200]
    finally:
        worker.end()


def supervise(limits):
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # no worker may read or trace this process
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["file_bytes"],) * 2)
    resource.setrlimit(resource.RLIMIT_NPROC, (limits["processes"],) * 2)
    for line in sys.stdin:
        program = json.loads(line)
        status, detail = judge(program, limits)
        print(json.dumps({"token": program["token"], "status": status, "detail": detail}), flush=True)


def work(limits):
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory_bytes"],) * 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits["files"],) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (int(limits["seconds"]) + 1,) * 2)
    source, sink = os.fdopen(os.dup(0), "r"), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)

    def answer(message):
        sink.write(json.dumps(message) + "\n")
        sink.flush()

    answer({"value": None})
    names = {"__name__": "solution"}
    for line in source:
        try:
            message = json.loads(line)
            if "source" in message:
                exec(compile(message["source"], "solution", "exec"), names)
                answer({"value": None})
            else:
                value = names[message["name"]](*decode(message["arguments"]), **decode(message["keywords"]))
                answer({"value": encode(value)})
        except BaseException as error:  # SystemExit too: whatever a solution raises is its answer to this call
            answer({"raised": type(error).__name__})


if __name__ == "__main__":
    {"supervisor": supervise, "worker": work}[sys.argv[1]](json.loads(sys.argv[2]))
