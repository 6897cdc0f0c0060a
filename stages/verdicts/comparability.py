"""What forbids the comparison of a published number with ours, and what is not known about it. Reads no score."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from stages.protocols.differences import Difference, differences
from stages.protocols.record import Protocol
from stages.published.schema import NOT_PUBLISHED
from stages.verdicts.claims import Claim

LABORATORY = "laboratory"
# How many samples and runs a published number is the mean of enters the interval: it does not forbid the comparison.
ACCOUNTED_FOR = {"samples", "aggregation"}
# They shift both scores of a gain over the same paper's GRPO, and by much the same: they forbid scores, not gains.
CANCELLING = {"prompt", "grader"}
OF_TRAINING = {"train_prompt", "checkpoint"}  # nothing to a model that was not trained here


def evaluated_for(theirs: Protocol | None, ours: Protocol, rules: Collection[str]) -> Protocol:
    """Our protocol, with the checkpoint that their rule chooses where that is one of the `rules` that we follow beside ours."""
    if theirs is None or theirs.checkpoint not in rules:
        return ours
    return ours.model_copy(update={"checkpoint": theirs.checkpoint})


class Comparability(NamedTuple):
    """Whether a published number can be judged at all: nothing in `forbidding`."""

    forbidding: list[str]  # each a clause: what differs, or was not measured
    unknown: list[str]  # protocol fields that one side does not state
    cancelling: list[str]  # fields that differ, and shift both scores of a gain


def comparability(
    claim: Claim, ours: Protocol, protocols: Mapping[str, Protocol], recipe_of: str | None
) -> Comparability:
    """Field by field: agreed, different, or unknown, which is neither.

    What differs forbids the comparison, as do a form of the method that was not run, a benchmark that was not, and a
    number whose model, metric or other identity its source does not state. What is unknown forbids nothing by itself: the
    verdict names it.
    """
    if ours.name == LABORATORY:
        return Comparability(["laboratory results are never compared with published numbers"], [], [])
    forbidding = [] if claim.presumed is None else [f"its source does not state, but lets presume: {claim.presumed}"]
    for subject in [claim.subject, claim.baseline] if claim.baseline else [claim.subject]:
        if subject.ours != subject.theirs:
            own = subject.ours.variant or "the method's default"
            other = subject.theirs.variant or "the paper's main setting"
            forbidding.append(f"variant of {subject.run} is {own} here, {other} there")
    forbidding += [f"not measured here: {', '.join(claim.missing)}"] if claim.missing else []
    unknown = [] if claim.fixed or claim.row["paper"] == recipe_of else ["training recipe"]
    unknown += ["samples"] if claim.k_unstated else []
    if claim.protocol is None or claim.protocol not in protocols:
        # nothing is declared, so nothing can be compared: a number alone is no reproduction
        return Comparability([*forbidding, f"protocol is {ours.name} here, {NOT_PUBLISHED} there"], unknown, [])
    cancelling = []
    for each in _fields(claim, ours, protocols[claim.protocol]):
        if not each.known:
            unknown.append(each.field)
        elif claim.gain and each.field in CANCELLING:
            cancelling.append(each.field)
        else:
            forbidding.append(f"{each.field} is {each.ours} here, {each.theirs} there")
    return Comparability(*(list(dict.fromkeys(found)) for found in (forbidding, unknown, cancelling)))


def _fields(claim: Claim, ours: Protocol, theirs: Protocol) -> list[Difference]:
    """The fields in which two protocols differ or may differ, on any benchmark of the claim, and which matter to it."""
    ignored = ACCOUNTED_FOR | (OF_TRAINING if claim.fixed else set())
    benchmarks = dict.fromkeys(measure.benchmark for measure in claim.measures)
    found = [each for benchmark in benchmarks for each in differences(ours, theirs, benchmark)]
    return [each for each in dict.fromkeys(found) if each.field not in ignored]
