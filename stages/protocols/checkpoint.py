"""Which of a run's checkpoints is evaluated: a rule that a paper states, or that a profile asks for.

    last                            that of the last step
    step 100                        that of step 100
    best on aime24                  the one with the highest avg@k on a benchmark; of equals, the earliest
    best mean of aime24, aime25     the one with the highest mean of avg@k over benchmarks

All but `last` and `step` choose by looking at scores. Where those are of a benchmark that is then reported, the report's
score is too high by what was chosen of its noise.
"""

import re
from typing import NamedTuple

from stages.benchmarks import BENCHMARKS, is_benchmark

LAST = "last"
FORMS = "last, step N, best on BENCHMARK, best mean of BENCHMARK, BENCHMARK"


class CheckpointRule(NamedTuple):
    """`step` of a rule that names one; `benchmarks` of a rule that looks at scores."""

    text: str
    step: int | None = None
    benchmarks: tuple[str, ...] = ()


def checkpoint_rule(text: str) -> CheckpointRule:
    """ValueError where `text` has none of the forms, or names what is no benchmark."""
    if text == LAST:
        return CheckpointRule(LAST)
    if found := re.fullmatch(r"step ([1-9][0-9]*)", text):
        return CheckpointRule(text, step=int(found[1]))
    if found := re.fullmatch(r"best on (\w+)|best mean of (\w+(?:, \w+)+)", text):
        names = tuple((found[1] or found[2]).split(", "))
        if unknown := sorted(name for name in names if not is_benchmark(name)):
            raise ValueError(f"{text!r}: {unknown[0]} is no benchmark; known are {', '.join(BENCHMARKS)}")
        if len(set(names)) < len(names):
            raise ValueError(f"{text!r} names a benchmark twice")
        return CheckpointRule(text, benchmarks=names)
    raise ValueError(f"{text!r} is no rule for a checkpoint; write one of {FORMS}")
