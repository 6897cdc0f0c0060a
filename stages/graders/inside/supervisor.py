"""The trusted process inside the sandbox. It holds the tests; the solution runs in a worker that never sees them.

It reads one JSON line a program, runs its tests, and answers one JSON line with the program's token, after one
`running` line a test case. To an assert-style test the solution is a function that sends its arguments to the worker
and gets a plain value back, so a solution can do no more than return values: it sees neither the expected ones, nor the
token, nor this process's output, and an object that claims to equal everything cannot. Ending early, by `os._exit(0)`
or otherwise, is a failure. After each worker every other process in the sandbox is killed.

Standard library only, and no import from this project: the files of this folder are handed to the sandbox.
"""

import ctypes
import json
import random
import resource
import signal
import subprocess
import sys
from decimal import Decimal, InvalidOperation

from connection import TooSlow, worker

PR_SET_DUMPABLE = 4


def run_asserts(program, limits, _):
    """Python source that raises unless `entry_point` is right."""
    with worker(limits) as solution:
        signal.alarm(limits["wall_seconds"] + 5)
        solution.ask({"source": program["solution"]})
        names = {"__name__": "tests"}
        exec(compile(program["preamble"], "preamble", "exec"), names)

        def candidate(*arguments, **keywords):
            return solution.call(program["entry_point"], arguments, keywords)

        names[program["entry_point"]] = candidate
        exec(compile(program["tests"], "tests", "exec"), names)


def run_functional(program, limits, progress):
    """LiveCodeBench's form: a case's input is one JSON value a line, its output one JSON value. A tuple counts as list."""
    cases = json.loads(program["tests"])
    with worker({**limits, "seconds": limits["case_seconds"], "cases": len(cases) + 1}) as solution:
        solution.ask({"source": program["solution"]})
        for case in cases:
            progress()
            solution.allow_more_time()
            signal.alarm(limits["wall_seconds"] + 5)
            arguments = [json.loads(line) for line in case["input"].split("\n")]
            value = solution.call(program["entry_point"], arguments, {})
            if (list(value) if isinstance(value, tuple) else value) != json.loads(case["output"]):
                raise AssertionError("wrong value")


def run_stdin(program, limits, progress):
    """A case's input stands on standard input, its output is what standard output must say. A fresh process a case."""
    for case in json.loads(program["tests"]):
        progress()
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with worker({**limits, "seconds": limits["case_seconds"]}, **pipes) as solution:
            signal.alarm(limits["wall_seconds"] + 5)
            solution.ask({"main": program["solution"]})
            if not same_output(solution.converse(case["input"].encode()), case["output"]):
                raise AssertionError("wrong output")


def same_output(written, expected):
    """LiveCodeBench's comparison: as many lines, each equal but for outer spaces or equal as decimal numbers."""
    ours, theirs = ([line.strip() for line in text.strip().split("\n")] for text in (written, expected))
    return len(ours) == len(theirs) and all(map(same_line, ours, theirs))


def same_line(ours, theirs):
    if ours == theirs:
        return True
    try:
        return [Decimal(word) for word in ours.split()] == [Decimal(word) for word in theirs.split()]
    except InvalidOperation:
        return False


STYLES = {"asserts": run_asserts, "functional": run_functional, "stdin": run_stdin}


def judge(program, limits, progress):
    """(status, detail): "passed", "failed" or "timeout"."""
    random.seed(0)  # tests that draw their cases draw the same ones every time
    try:
        STYLES[program["style"]](program, limits, progress)
    except TooSlow:
        return "timeout", ""
    except Exception as error:  # a wrong answer may raise anything in a test, not AssertionError alone
        return "failed", f"{type(error).__name__}: {error}"[:200]
    return "passed", ""


def main():
    limits = {**json.loads(sys.argv[1]), "cases": 1}
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which no process of the sandbox can deliver to its first one
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # no worker may read or trace this process
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (limits["supervisor_bytes"],) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["file_bytes"],) * 2)
    resource.setrlimit(resource.RLIMIT_NPROC, (limits["processes"],) * 2)
    for line in sys.stdin:
        program = json.loads(line)

        def say(status, detail="", token=program["token"]):
            print(json.dumps({"token": token, "status": status, "detail": detail}), flush=True)

        say(*judge(program, limits, lambda: say("running")))


if __name__ == "__main__":
    main()
