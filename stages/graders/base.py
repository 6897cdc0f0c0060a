"""What a grader is: a name, a version, a reason not to run, and a function over many replies."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple


class Verdict(NamedTuple):
    """status is "graded", "no answer", "timeout" or "error: <name>"; only a "graded" verdict can be correct."""

    extracted: str | None
    correct: bool
    status: str = "graded"


NO_ANSWER = Verdict(None, False, "no answer")


@dataclass(frozen=True)
class Grader:
    """`grade` takes (line of the benchmark's JSONL, reply) pairs and returns one verdict each, in their order."""

    grade: Callable[[list[tuple[dict[str, Any], str]]], list[Verdict]]
    version: Callable[[], str]
    unavailable: Callable[[], str | None] = lambda: None  # why it cannot run, with the line to type; None if it can
