r"""Grades mathematical answers with math-verify: two spellings of one value are one answer.

Gold and reply are handed over as `\boxed{…}`, and of the reply only the last box, since math-verify reads boxes that
stand close together as one set. A reply without a box counts if it says "the answer is …"; a number that merely
comes last in it does not. Comparing can take forever (`9^{9^{9^9}}`) or end the process: it happens in worker
processes under a hard limit of time and memory, and what exceeds it is counted, as wrong.
"""

import logging
import multiprocessing
import re
import resource
import signal
from collections.abc import Iterator
from importlib.metadata import version as installed
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import Any

from stages.boxes import last_box
from stages.files import InputError
from stages.graders.base import NO_ANSWER, Verdict

PINNED = {"math-verify": "0.9.0", "antlr4-python3-runtime": "4.13.2"}  # another antlr changes grades, silently
LIMIT_SECONDS = 10.0  # for one reply, in a worker that is already running
START_SECONDS = 120.0  # for a worker to import sympy, however busy the machine is
LIMIT_BYTES = 4 << 30
WORKERS = 2
PLAIN_INTEGER = re.compile(r"-?\d{1,15}")

Task = tuple[str, str | None, str]  # gold, last box, reply: everything a verdict depends on


def version() -> str:
    for package, pinned in PINNED.items():
        if installed(package) != pinned:
            raise InputError(f"{package} is {installed(package)}, not {pinned}; rebuild the evaluation environment")
    return f"math-verify {PINNED['math-verify']}, antlr {PINNED['antlr4-python3-runtime']}"


def normalise_gold(gold: str) -> str:
    r"""Golds as data sets write them: `033` and `27.0` are integers, `336^\circ` is 336, `5.3e-9` a power of ten."""
    text = gold.strip().removeprefix("$").removesuffix("$").strip()
    text = re.sub(r"\s*\^\s*(\\circ|\{\s*\\circ\s*\})$", "", text)
    if number := re.fullmatch(r"([+-]?)0*(\d+)(?:\.0*)?", text):
        return f"{'-' if number[1] == '-' else ''}{number[2]}"
    return normalise_exponent(text)


def normalise_exponent(text: str) -> str:
    r"""`5.3e-9` as `5.3 \times 10^{-9}`; in LaTeX the e would be Euler's number."""
    number = re.fullmatch(r"([+-]?\d+(?:\.\d+)?)[eE]([+-]?\d+)", text.strip())
    return rf"{number[1]} \times 10^{{{int(number[2])}}}" if number else text


def exact(task: Task) -> Verdict | None:
    """The verdict when gold and box are plain integers, where math-verify compares integers too; else None."""
    gold, box, _ = task
    if box is None or not PLAIN_INTEGER.fullmatch(box) or not PLAIN_INTEGER.fullmatch(normalise_gold(gold)):
        return None
    return Verdict(box, int(box) == int(normalise_gold(gold)))


def compare(task: Task) -> Verdict:
    """math-verify's verdict, without any limit of time: call it in a worker."""
    from math_verify import parse, verify
    from math_verify.parser import ExprExtractionConfig, LatexExtractionConfig

    gold, box, reply = task
    golds = parse(rf"\boxed{{{normalise_gold(gold)}}}", parsing_timeout=None)
    if not golds:
        raise InputError(f"math-verify cannot read the gold {gold!r}; correct it in the prepare stage")
    if box is None:
        anchored = [LatexExtractionConfig(False, boxed_match_priority=-1), ExprExtractionConfig(False)]
        answers = parse(reply, anchored, parsing_timeout=None)
        if not answers:
            return NO_ANSWER
        extracted = str(answers[-1])
    else:
        answers, extracted = parse(rf"\boxed{{{normalise_exponent(box)}}}", parsing_timeout=None), box
    try:
        return Verdict(extracted, bool(verify(golds, answers, timeout_seconds=None, raise_on_error=True)))
    except Exception as error:  # sympy raises anything; another reading of the same answer may still match
        if verify(golds, answers, timeout_seconds=None):
            return Verdict(extracted, True)
        return Verdict(extracted, False, f"error: {type(error).__name__}")


def grade(pairs: list[tuple[dict[str, Any], str]]) -> list[Verdict]:
    """Equal (gold, box, reply without box) are compared once."""
    tasks = []
    for problem, reply in pairs:
        box = last_box(reply)
        tasks.append((problem["answer"], box, reply if box is None else ""))
    verdicts = {task: exact(task) for task in dict.fromkeys(tasks)}
    verdicts |= _compare_in_workers([task for task, verdict in verdicts.items() if verdict is None])
    return [verdicts[task] for task in tasks]


def _compare_in_workers(tasks: list[Task]) -> dict[Task, Verdict]:
    workers = [_Worker() for _ in range(min(WORKERS, len(tasks)))]
    verdicts: dict[Task, Verdict] = {}
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
    task: Task | None = None

    def __init__(self):
        self.start()

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_work, args=(other,), daemon=True)
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

    def take(self, tasks: Iterator[Task]) -> None:
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
        return Verdict(self.task[1], False, status)


def _work(pipe: Connection) -> None:
    import math_verify  # noqa: F401  the import is what takes time: before the first deadline begins

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
            pipe.send(Verdict(task[1], False, f"error: {type(error).__name__}"))
