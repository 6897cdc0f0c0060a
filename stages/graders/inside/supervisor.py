"""The trusted process inside the sandbox. It holds the tests; the solution runs in a worker that never sees them.

It reads one JSON line a program, runs the program's tests, and answers with JSON lines that bear the program's token:
`running` for each test case, then the result. In tests made of asserts the solution is a function that sends its
arguments to the worker and gets a plain value back. So a solution can do no more than return values. It sees neither the
expected ones, nor the token, nor this process's output, and it cannot return an object that claims to equal everything.
Ending early, by `os._exit(0)` or otherwise, is a failure. Each worker is a process tree of its own (tree.py), out of which
it reaches no other process; the tree is ended before the next program begins.

Standard library only, and no import from this project: the files of this folder are handed to the sandbox.
"""

import ctypes
import json
import random
import resource
import signal
import sys
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from connection import Failed, TooSlow, worker

PR_SET_DUMPABLE = 4

Request = dict[str, Any]  # a line of sandbox.Session: the fields of sandbox.Program, and a token
Limits = dict[str, int]


def run_asserts(program: Request, limits: Limits, _: Callable[[], None]) -> None:
    """Python source that raises unless `entry_point` is right."""
    with worker(limits) as solution:
        signal.alarm(limits["wall_seconds"] + 5)
        solution.ask({"source": program["solution"]})
        names: dict[str, Any] = {"__name__": "tests"}
        exec(compile(program["preamble"], "preamble", "exec"), names)

        def candidate(*arguments: Any, **keywords: Any) -> Any:
            return solution.call(program["entry_point"], arguments, keywords)

        names[program["entry_point"]] = candidate
        exec(compile(program["tests"], "tests", "exec"), names)


def run_functional(program: Request, limits: Limits, progress: Callable[[], None]) -> None:
    """LiveCodeBench's form: a case's input is one JSON value a line, its output one JSON value. A tuple counts as list."""
    cases = json.loads(program["tests"])
    with worker({**limits, "seconds": limits["case_seconds"], "cases": len(cases) + 1}) as solution:
        solution.ask({"source": program["solution"]})
        for case in cases:
            progress()
            solution.allow_more_time()
            signal.alarm(limits["wall_seconds"] + 5)
            arguments = [json.loads(line) for line in case["input"].split("\n")]
            value = solution.call(program["entry_point"], arguments, {}, methods=True)
            if (list(value) if isinstance(value, tuple) else value) != json.loads(case["output"]):
                raise AssertionError("wrong value")


def run_stdin(program: Request, limits: Limits, progress: Callable[[], None]) -> None:
    """A case's input stands on standard input, its output is what standard output must say. A fresh process a case."""
    for case in json.loads(program["tests"]):
        progress()
        with worker({**limits, "seconds": limits["case_seconds"]}, piped=True) as solution:
            signal.alarm(limits["wall_seconds"] + 5)
            solution.ask({"main": program["solution"]})
            if not same_output(solution.converse(case["input"].encode()), case["output"]):
                raise Failed("wrong output", solution.limit_of_a_thread)


def same_output(written: str, expected: str) -> bool:
    """LiveCodeBench's comparison: as many lines, each equal but for outer spaces or equal as decimal numbers."""
    ours, theirs = ([line.strip() for line in text.strip().split("\n")] for text in (written, expected))
    return len(ours) == len(theirs) and all(map(same_line, ours, theirs))


def same_line(ours: str, theirs: str) -> bool:
    if ours == theirs:
        return True
    try:
        return [Decimal(word) for word in ours.split()] == [Decimal(word) for word in theirs.split()]
    except InvalidOperation:
        return False


STYLES: dict[str, Callable[[Request, Limits, Callable[[], None]], None]] = {
    "asserts": run_asserts,
    "functional": run_functional,
    "stdin": run_stdin,
}


def result_of(program: Request, limits: Limits, progress: Callable[[], None]) -> tuple[str, str, str]:
    """(status, detail, limit): "passed", "failed" or "timeout", and the limit other than time that ended it, if one did."""
    random.seed(0)  # tests that draw their cases draw the same ones every time
    try:
        STYLES[program["style"]](program, limits, progress)
    except TooSlow:
        return "timeout", "", ""
    except Exception as error:  # a wrong answer may raise anything in a test, not AssertionError alone
        limit = error.limit if isinstance(error, Failed) else ""
        return "failed", f"{type(error).__name__}: {error}"[:200], limit
    return "passed", "", ""


def main() -> None:
    limits = {**json.loads(sys.argv[1]), "cases": 1}
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which no process of the sandbox can deliver to its first one
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # no worker may read or trace this process
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # a worker may take more than this process, and sets its own
    highest = max(limits["supervisor_bytes"], limits["address_bytes"])
    resource.setrlimit(resource.RLIMIT_AS, (limits["supervisor_bytes"], highest))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["file_bytes"],) * 2)
    # beside a program's: this process, and for a moment one that starts the program's first
    resource.setrlimit(resource.RLIMIT_NPROC, (limits["processes"] + 2,) * 2)
    for line in sys.stdin:
        program = json.loads(line)

        def say(status: str, detail: str = "", limit: str = "", token: str = program["token"]) -> None:
            print(json.dumps({"token": token, "status": status, "detail": detail, "limit": limit}), flush=True)

        say(*result_of(program, limits, lambda: say("running")))


if __name__ == "__main__":
    main()
