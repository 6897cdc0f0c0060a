"""Attacks beside programs that behave: who is harmed, which limits are passed, which grades forged.

    python -m perf.hostile [--write] [WORD ...]

Every attack of tests/graders/hostile.py runs as a function and as a program that reads standard input, each time in a batch
with four programs that behave, in the same sandboxes. While it runs, memory and processes of all sandboxes are looked at
every 20 ms. A limit is passed when more memory than it allows is held for a second, when there are more processes, or when
the batch takes longer than the clock allows. No attack answers what is asked: one that is right has forged its grade.

Prints a line an attack; `--write` puts the table into docs/hostile.md. With words, only attacks that have one of them in their
name. Exit status 1 where a neighbour was judged otherwise than alone, a limit was passed, or a grade forged. Programs have
40 seconds by the clock: on a machine so busy that it does not give a neighbour one second of them, the figures say nothing.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from stages.common.command import run_stage
from stages.common.files import InputError, write_text
from stages.common.options import Options
from stages.common.tables import markdown_table
from stages.graders.availability import available
from stages.graders.programs import run_programs
from stages.graders.sandbox import Program, Result
from stages.graders.use import Use
from tests.graders.hostile import ATTACKS, LIMITS, NEIGHBOURS, program, reading

DOCUMENT = Path("docs/hostile.md")
LOOK_SECONDS = 0.02
ALLOWED_SECONDS = (
    1.0  # that a program may hold more than its limit before it is ended: ten looks of the sandbox's owner
)
WALL_SECONDS = 40  # so many that a neighbour ends in time on a machine that is busy with other work
LONGEST = 2 * WALL_SECONDS  # by the clock: the attack, then its neighbours, which need a second each
OWN_PROCESSES = 1  # that counts as the program's for the kernel and not for `Use`: the one that starts it


class Peaks:
    """The most that one sandbox's program held, and for how many seconds it held more than its limits allow."""

    def __init__(self) -> None:
        self.processes, self.beyond = 0, 0.0
        self._uses: dict[int, Use] = {}

    def look(self) -> None:
        bubblewraps = [child.pid for child in psutil.Process().children() if child.name() == "bwrap"]
        self._uses = {pid: self._uses.get(pid) or Use(pid) for pid in bubblewraps}
        for use in self._uses.values():
            use.look()
            self.processes = max(self.processes, len(use.programs) + OWN_PROCESSES)
            if use.memory_beyond(LIMITS["memory_bytes"]):
                self.beyond += LOOK_SECONDS


@contextmanager
def watched() -> Iterator[Peaks]:
    peaks, ended = Peaks(), threading.Event()

    def watch() -> None:
        while not ended.wait(LOOK_SECONDS):
            try:
                peaks.look()
            except psutil.NoSuchProcess:
                continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


def attack(hostile: Program) -> tuple[Result, list[Result], Peaks, float]:
    """Verdicts of the attack and of its neighbours, what was held, and seconds by the clock."""
    started = time.monotonic()
    with watched() as peaks:
        result, *neighbours = run_programs(
            [hostile, *(program(source, wall_seconds=WALL_SECONDS) for source, _ in NEIGHBOURS)]
        )
    return result, neighbours, peaks, time.monotonic() - started


def main(arguments: list[str]) -> None:
    parser = Options("perf.hostile", __doc__)
    parser.add_argument("--write", action="store_true", help=f"the table into {DOCUMENT}")
    parser.add_argument("words", nargs="*", metavar="WORD", help="attacks with it in their name; all unless given")
    options = parser.parse_args(arguments)
    if unknown := [word for word in options.words if not any(word in name for name in ATTACKS)]:
        parser.error(f"{unknown[0]!r} is in no attack's name; they are {', '.join(ATTACKS)}")
    names = [name for name in ATTACKS if not options.words or any(word in name for word in options.words)]
    if reason := available():  # asked before anything is counted: its own probe starts many processes
        raise InputError(reason)
    expected, rows = [status for _, status in NEIGHBOURS], []
    harmed = passed = forged = 0
    for name in names:
        for style, form in (("function", program), ("program", reading)):
            result, neighbours, peaks, seconds = attack(form(ATTACKS[name], wall_seconds=WALL_SECONDS))
            unlike = [found.status for found in neighbours] != expected
            beyond = peaks.beyond > ALLOWED_SECONDS or peaks.processes > LIMITS["processes"] or seconds > LONGEST
            right = result.status == "passed"
            harmed, passed, forged = harmed + unlike, passed + beyond, forged + right
            flags = (("neighbour harmed", unlike), ("limit passed", beyond), ("forged", right))
            said = ", ".join(flag for flag, holds in flags if holds)
            rows.append([name, style, f"{result.status} {result.limit}".strip(), str(peaks.processes), said])
            print(f"{seconds:5.1f} s  {'; '.join(filter(None, rows[-1]))}", flush=True)
    counts = f"{len(rows)} attacks beside four programs each: {harmed} times a neighbour harmed, {passed} limits passed, {forged} grades forged."
    print(counts)
    if options.write:
        table = markdown_table(["attack", "as a", "verdict", "processes", ""], rows, "lllrl")
        write_text(DOCUMENT, f"{HEAD}{counts}\n\n{table}\n")
    if harmed or passed or forged:
        sys.exit(1)


HEAD = f"""# Attacks beside programs that behave

Written by `python -m perf.hostile --write`, which says what is counted. `processes` is the most that an attack had at one
moment, of {LIMITS["processes"]}.

"""


if __name__ == "__main__":
    run_stage(main)
