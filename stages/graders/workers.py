"""Processes that compare answers under a hard limit of time and memory; what exceeds it is counted, as wrong."""

import logging
import multiprocessing
import resource
import signal
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import Any

from stages.files import InputError
from stages.graders.base import Verdict

LIMIT_SECONDS = 10.0  # for one reply, in a worker that is already running
START_SECONDS = 120.0  # for a worker to import sympy, however busy the machine is
LIMIT_BYTES = 4 << 30
WORKERS = 2
Compare = Callable[[Any], Verdict]


def compare_in_workers(tasks: list[Any], compare: Compare, load: Callable[[], None]) -> dict[Any, Verdict]:
    """`compare` of each task; a task is a tuple with a field `box`. `load` is called once in each process before."""
    workers = [_Worker(compare, load) for _ in range(min(WORKERS, len(tasks)))]
    verdicts: dict[Any, Verdict] = {}
    waiting = iter(tasks)
    try:
        while len(verdicts) < len(tasks):
            for worker in workers:
                worker.take(waiting)
            wait([worker.pipe for worker in workers if worker.task], timeout=0.2)
            for worker in workers:
                if worker.task and (verdict := worker.verdict()):
                    verdicts[worker.task], worker.task = verdict, None
    finally:
        for worker in workers:
            worker.stop()
    return verdicts


class _Worker:
    """A process that compares one task after another; killed and started anew when one takes too long."""

    pipe: Connection
    task: Any = None

    def __init__(self, compare: Compare, load: Callable[[], None]):
        self.compare, self.load = compare, load
        self.start()

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_work, args=(other, self.compare, self.load), daemon=True)
        self.process.start()
        other.close()
        if not self.pipe.poll(START_SECONDS) or self.pipe.recv() != "ready":
            self.stop()
            raise InputError(
                f"a math-verify worker did not start within {START_SECONDS:.0f} s; free memory or processors, run again"
            )

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()

    def take(self, tasks: Iterator[Any]) -> None:
        if self.task is None and (task := next(tasks, None)):
            self.task, self.deadline = task, monotonic() + LIMIT_SECONDS
            self.pipe.send(task)

    def verdict(self) -> Verdict | None:
        """Of the current task; None while it is being compared."""
        try:
            if self.pipe.poll():
                result = self.pipe.recv()
                if isinstance(result, InputError):
                    raise result
                return result
        except EOFError:  # the process ended: a crash in C code or the operating system's memory limit
            return self._start_again("error: worker died")
        return self._start_again("timeout") if monotonic() > self.deadline else None

    def _start_again(self, status: str) -> Verdict:
        self.stop()
        self.start()
        return Verdict(self.task.box, False, status)


def _work(pipe: Connection, compare: Compare, load: Callable[[], None]) -> None:
    load()  # the import is what takes time: before the first deadline begins
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    logging.disable(logging.WARNING)  # math-verify warns that its own limit is off; ours holds
    pipe.send("ready")
    while True:
        signal.alarm(0)
        try:
            task = pipe.recv()
        except EOFError:
            return
        signal.alarm(int(LIMIT_SECONDS) + 5)  # ends this process if nobody is left to kill it
        try:
            pipe.send(compare(task))
        except InputError as error:
            pipe.send(error)
        except Exception as error:  # whatever sympy raises on a model's text is that reply's verdict
            pipe.send(Verdict(task.box, False, f"error: {type(error).__name__}"))
