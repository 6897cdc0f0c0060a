"""Calls a function on many inputs in worker processes, each call under a hard limit of time and memory.

What exceeds a limit, crashes or raises ends as `Unfinished` with its reason; the other inputs are not affected.
"""

import logging
import multiprocessing
import resource
import signal
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import NamedTuple, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from stages.common.files import InputError

LIMIT_SECONDS = 10.0  # for one call, in a worker that is already running
START_SECONDS = 120.0  # for a worker to start and import what it needs, however busy the machine is
LIMIT_BYTES = 4 << 30  # address space of one worker
WORKERS = 2
POOLS = 3  # pebble gives up a whole pool when a worker dies before it could say what it works on: then another one
NOT_STARTED = "a worker process of the grader did not start; free memory or processors, then run again"

Input = TypeVar("Input")
Output = TypeVar("Output")


class Unfinished(NamedTuple):
    """Why a call has no output: "timeout", "error: worker died" or "error: <name of the exception>"."""

    status: str


def call_in_workers(
    function: Callable[[Input], Output], inputs: Sequence[Input], load: Callable[[], object]
) -> list[Output | Unfinished]:
    """`function` of each input, in their order. Each process calls `load` (slow imports) before its first input.

    `function` and `load` are module-level functions; inputs and outputs can be pickled. An InputError that `function`
    raises is raised here; so is one if no worker starts.
    """
    outcomes: dict[int, Output | Unfinished] = {}
    for _ in range(POOLS):
        left = {number: given for number, given in enumerate(inputs) if number not in outcomes}
        if not left:
            break
        outcomes |= _in_one_pool(function, left, load)
    if len(outcomes) < len(inputs):
        raise InputError(NOT_STARTED)
    return [outcomes[number] for number in range(len(inputs))]


def _in_one_pool(
    function: Callable[[Input], Output], inputs: Mapping[int, Input], load: Callable[[], object]
) -> dict[int, Output | Unfinished]:
    """`inputs` and outcomes are by number. An outcome is missing where the pool broke before it came to that input."""
    pool = ProcessPool(
        min(WORKERS, len(inputs)),
        initializer=_prepare,
        initargs=(load, LIMIT_BYTES),
        context=multiprocessing.get_context("spawn"),
    )
    try:
        calls = {
            number: pool.schedule(_call, (function, given, LIMIT_SECONDS), timeout=LIMIT_SECONDS)
            for number, given in inputs.items()
        }
        outcomes: dict[int, Output | Unfinished] = {}
        for number, call in calls.items():
            with suppress(BrokenProcessPool):
                outcomes[number] = _outcome(call)
        return outcomes
    finally:
        pool.stop()
        pool.join()


def _outcome(call: ProcessFuture[Output | Unfinished]) -> Output | Unfinished:
    """Calls end in their order, but for one being ahead of another, so this waits for a start and a call at most.

    BrokenProcessPool where the pool broke before it came to the call.
    """
    try:
        error = call.exception(timeout=START_SECONDS + LIMIT_SECONDS)
    except TimeoutError:
        raise InputError(NOT_STARTED)
    if error is None:
        return call.result()
    if isinstance(error, TimeoutError):
        return Unfinished("timeout")
    if isinstance(error, ProcessExpired):  # a crash in C code, or the operating system ended it for want of memory
        return Unfinished("error: worker died")
    raise error


def _prepare(load: Callable[[], object], limit_bytes: int) -> None:
    load()
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # pebble's handler would wait until a call into C code returns
    logging.disable(logging.WARNING)  # math-verify warns that its own time limit is off; this one holds


def _call(function: Callable[[Input], Output], given: Input, seconds: float) -> Output | Unfinished:
    signal.alarm(int(seconds) + 5)  # ends this process if its parent is gone and cannot
    try:
        return function(given)
    except InputError:
        raise
    except Exception as error:  # as a name: not every exception can be pickled
        return Unfinished(f"error: {type(error).__name__}")
    finally:
        signal.alarm(0)
