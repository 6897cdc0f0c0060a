"""Runs many programs, in a few sandboxes side by side."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from stages.common.files import InputError
from stages.graders.availability import available
from stages.graders.sandbox import Program, Result, Session

SANDBOXES = 2


def run_programs(programs: list[Program]) -> list[Result]:
    """One result a program, in order; equal programs are run once. Raises InputError where there is no sandbox."""
    if reason := available():
        raise InputError(reason)
    distinct = sorted(dict.fromkeys(programs), key=lambda program: program.limits)  # a sandbox has one set of limits
    shares = [distinct[start::SANDBOXES] for start in range(SANDBOXES)]
    with ThreadPoolExecutor(SANDBOXES) as pool:
        results = dict(pair for pairs in pool.map(lambda share: list(_run_in_turn(share)), shares) for pair in pairs)
    return [results[program] for program in programs]


def _run_in_turn(programs: list[Program]) -> Iterator[tuple[Program, Result]]:
    session = None
    try:
        for program in programs:
            if session and session.given != program.limits:
                session.stop()
                session = None
            session = session or Session(program.limits)
            result = session.run(program)
            if result.status == "broken" or result.detail in ("backstop", "watch"):
                session.stop()
                session = None
            yield program, result
    finally:
        if session:
            session.stop()
