"""What a grader is, and what it says of a sample."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple


class Grade(NamedTuple):
    """`extracted` is the answer as the grader read it, None where it read none.

    `parts` says the same of each instruction of a prompt that gives several, in their order; it is empty elsewhere.
    `status` is "graded", "no answer", "timeout", "limit: <name>" (memory, output, processes, files) or "error: <name>"; only
    a sample that is "graded" can be correct.
    """

    extracted: str | None
    correct: bool
    status: str = "graded"
    parts: tuple[bool, ...] = ()


NO_ANSWER = Grade(None, False, "no answer")


@dataclass(frozen=True)
class Grader:
    """A rule that says which samples are right.

    `grade` takes pairs of a problem (its line of the benchmark's JSONL) and a sample's text, and returns a grade for
    each, in their order. `version` says what decided, for the record; InputError if the wrong package is installed.
    `unavailable` says why the grader cannot run on this machine, with the command that mends it; None if it can.
    """

    grade: Callable[[list[tuple[dict[str, Any], str]]], list[Grade]]
    version: Callable[[], str]
    unavailable: Callable[[], str | None] = lambda: None
