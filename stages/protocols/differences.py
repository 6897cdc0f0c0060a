"""The fields in which two protocols differ. They are found from the protocols alone, before any score is read."""

from dataclasses import replace
from typing import Any

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from stages.protocols.record import SAMPLING, UNKNOWN, Protocol


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Difference:
    """One field in which our evaluation is not theirs, or, where a side does not state it, may not be."""

    field: str
    ours: str
    theirs: str
    known: bool = True  # False: a side does not state the field, so the two may be the same


def differences(ours: Protocol, theirs: Protocol, benchmark: str | None) -> list[Difference]:
    """All fields that differ or cannot be compared, for one benchmark or (None) for all that `ours` evaluates.

    A field that differs for only some of the benchmarks has their names in brackets after it. Where one side evaluates
    a variant of a benchmark (the 83 problems of AMC for the 40), the variant's prompt, k and grader are compared.
    """
    chosen = [benchmark] if benchmark else list(ours.samples)
    pairs = {name: (ours.evaluated(name), theirs.evaluated(name)) for name in chosen}
    shared = {name: (own, other) for name, (own, other) in pairs.items() if own and other}
    prompts = {name: (ours.prompt_of(own), theirs.prompt_of(other)) for name, (own, other) in shared.items()}
    samples = {name: (ours.samples[own], theirs.samples[other]) for name, (own, other) in shared.items()}
    variants = {name: (ours.variant_of(name), theirs.variant_of(name)) for name in chosen}
    graders = {name: (ours.grader_of(own), theirs.grader_of(other)) for name, (own, other) in shared.items()}
    found = _compare("train_prompt", ours.train_prompt, theirs.train_prompt)
    found += _by_benchmark("prompt", prompts)
    for field in SAMPLING:
        found += _compare(field, getattr(ours, field), getattr(theirs, field))
    found += _by_benchmark("samples", samples)
    found += _by_benchmark("benchmark variant", variants)
    found += _by_benchmark("grader", graders)
    for field in ("checkpoint", "aggregation"):
        found += _compare(field, getattr(ours, field), getattr(theirs, field))
    return found


def _compare(field: str, ours: Any, theirs: Any) -> list[Difference]:
    """The difference of one field, if there is one. What is unknown is never the same, not even as unknown."""
    known = UNKNOWN not in (ours, theirs)
    return [] if known and ours == theirs else [Difference(field, str(ours), str(theirs), known)]


def _by_benchmark(field: str, values: dict[str, tuple[Any, Any]]) -> list[Difference]:
    """`values`: benchmark -> (ours, theirs). Benchmarks with the same two values share one difference."""
    groups: dict[Difference, list[str]] = {}
    for name, (ours, theirs) in values.items():
        for difference in _compare(field, ours, theirs):
            groups.setdefault(difference, []).append(name)
    return [
        difference if len(names) == len(values) else replace(difference, field=f"{field} ({', '.join(names)})")
        for difference, names in groups.items()
    ]
