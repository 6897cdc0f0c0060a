"""Runs one solution, which may do anything: this process is not trusted, and its supervisor believes nothing it says.

It takes its orders from the socket whose number is its second argument. As a program (`main`) the solution then has
standard input and output to itself; as a function it is called, one order a call. What it sees of the interpreter is
what `python solution.py` shows: no argument, no module of this folder, its own names under the name of its module.
"""

import builtins
import errno
import json
import os
import resource
import sys
import threading
import time
from types import ModuleType
from typing import Any, TextIO

from values import decode, encode

# The exit status of a program that a limit has ended -> which one; ten more where it ended a thread of it only, so that
# the output may be whole. A program may exit so itself, and gains nothing by it: its output is judged like any other.
EXITS = {81: "memory", 82: "processes", 83: "files"}
OF_A_THREAD = 10
LIMITED_BY = {errno.ENOMEM: "memory", errno.EAGAIN: "processes"}
LIMITED_BY |= dict.fromkeys((errno.EMFILE, errno.EFBIG, errno.ENOSPC), "files")


def allow_more_time(seconds: int) -> None:
    """Processor time of this process from now on; its end is SIGXCPU. What was used before does not count.

    A solution may lift this limit up to the hard one; the sandbox's owner, outside, then ends it (use.py).
    """
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (min(int(time.process_time()) + 1 + seconds, hard), hard))


def limit_of(error: BaseException) -> str:
    """The limit that `error` tells of, "" if none."""
    if isinstance(error, MemoryError):
        return "memory"
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return "processes"
    return LIMITED_BY.get(error.errno or 0, "") if isinstance(error, OSError) else ""


def find(names: dict[str, Any], entry_point: str, methods: bool) -> Any:
    """A function of the solution, or, with `methods`, rather the method of its class `Solution`, of one object."""
    solution = names.get("Solution")
    if methods and isinstance(solution, type) and hasattr(solution, entry_point):
        names["Solution"] = solution = solution()
    if methods and hasattr(solution, entry_point):
        return getattr(solution, entry_point)
    return names[entry_point]


def module(name: str) -> dict[str, Any]:
    """The names of a new module, known under its name as a module that was imported is."""
    sys.modules[name] = ModuleType(name)
    names = sys.modules[name].__dict__
    names["__file__"] = "solution.py"
    return names


def work(limits: dict[str, int], orders: TextIO, answers: TextIO) -> str | None:
    """Runs a function's orders to their end (None), or returns the program that is to run instead of them."""

    def answer(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    names = module("solution")
    answer({"value": None})
    for line in orders:
        try:
            order = json.loads(line)
            if "main" in order:
                answer({"value": None})
                return order["main"]
            allow_more_time(limits["seconds"])
            if "source" in order:
                exec(compile(order["source"], "solution", "exec"), names)
                answer({"value": None})
            else:
                function = find(names, order["name"], order["methods"])
                answer({"value": encode(function(*decode(order["arguments"]), **decode(order["keywords"])))})
        except BaseException as error:  # SystemExit too: whatever a solution raises is its answer to this call
            answer({"raised": type(error).__name__, "limit": limit_of(error)})
    return None


def run_main(program: str) -> None:
    """As `python solution.py` runs it. An error that tells of a limit, in any thread, becomes an exit status."""
    statuses, ended = {name: status for status, name in EXITS.items()}, []
    threading.excepthook = lambda error: ended.append(limit_of(error.exc_value)) if error.exc_value else None
    try:
        exec(compile(program, "solution.py", "exec"), module("__main__"))
    except SystemExit:  # a program may end so, with any status
        pass
    except BaseException as error:
        if name := limit_of(error):
            os._exit(statuses[name])  # threads that wait for others that could not be started would wait for ever
        raise
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    if names := [*filter(None, ended)]:
        sys.exit(statuses[names[0]] + OF_A_THREAD)


def forget_this_folder() -> None:
    """A solution that imports a module named like one of ours means another one, and it has no arguments."""
    folder = os.path.dirname(__file__)
    sys.path[:] = [path for path in sys.path if path != folder]
    for name in ("connection", "supervisor", "tree", "values", "worker"):
        sys.modules.pop(name, None)
    sys.argv, sys.orig_argv = ["solution.py"], ["python3", "solution.py"]
    vars(builtins).update(exit=sys.exit, quit=sys.exit)  # which `site` adds, that is not imported here


def main() -> None:
    limits, control = json.loads(sys.argv[1]), int(sys.argv[2])
    forget_this_folder()
    resource.setrlimit(resource.RLIMIT_AS, (limits["address_bytes"],) * 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits["files"],) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["file_bytes"],) * 2)
    resource.setrlimit(resource.RLIMIT_NPROC, (limits["processes"],) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (limits["seconds"] * limits["cases"] + 2,) * 2)
    allow_more_time(limits["seconds"])
    with os.fdopen(os.dup(control), "w") as answers, os.fdopen(control) as orders:
        program = work(limits, orders, answers)
    if program is not None:
        run_main(program)


if __name__ == "__main__":
    main()
