"""The protocol in force: the one that a profile names, with the profile's overrides, nothing in it unknown.

Three fields are not the profile's to choose, they follow from what the suite does: `train_prompt` is what the profile
trains with, the last checkpoint is evaluated, and scores are averaged over all training seeds. Where these are not the
named protocol's, that is a departure like any other.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.benchmarks import find
from stages.files import InputError
from stages.graders import GRADERS
from stages.protocols import FOLDER, OWN, SAMPLING, UNKNOWN, Difference, Protocol, differences, load_protocols

if TYPE_CHECKING:
    from stages.params import Params


def protocol_in_force(params: "Params", folder: Path = FOLDER) -> Protocol:
    """What a profile's models are evaluated by: nothing in it is unknown, each benchmark has its prompt and grader.

    InputError names the setting to give where the named protocol leaves one open, or one that cannot be used.
    """
    evaluation = params.evaluation
    named = named_protocol(params, folder)
    benchmarks = evaluation.benchmarks or list(dict.fromkeys([*named.samples, *evaluation.samples]))
    for key in dict.fromkeys([*evaluation.samples, *evaluation.graders]):
        if key not in benchmarks:
            raise InputError(f"evaluation: {key} has a setting, but is not in evaluation.benchmarks; add or remove it")
    chosen = {name: _given(getattr(evaluation, name), getattr(named, name)) for name in SAMPLING}
    samples = {key: evaluation.samples.get(key) or named.samples.get(key) or find(key).samples for key in benchmarks}
    prompts = {key: find(key).prompt or evaluation.prompt or named.prompt_of(key) for key in benchmarks}
    graders = {key: _grader(key, params, named) for key in benchmarks}
    prompt = evaluation.prompt or named.prompt
    fields = {**chosen, **{f"samples.{key}": k for key, k in samples.items()}}
    fields |= {"prompt": UNKNOWN} if UNKNOWN in prompts.values() else {}
    for field, value in fields.items():
        if value == UNKNOWN:
            raise InputError(f"evaluation.{field}: protocol {named.name} leaves it unknown; give one in the profile")
    for key, grader in graders.items():
        if grader not in GRADERS:
            origin = "the profile" if key in evaluation.graders or evaluation.grader else f"protocol {named.name}"
            raise InputError(
                f"evaluation.graders.{key}: {origin} asks for {grader!r}, which this suite does not have; give one of "
                f"{', '.join(GRADERS)}"
            )
    runs = len(params.seeds)
    return named.model_copy(
        update={
            **chosen,
            "train_prompt": params.data.prompt,
            "prompt": prompt,
            "prompts": prompts,
            "samples": samples,
            "unclear_variants": [],
            "grader": evaluation.grader or named.grader,
            "graders": graders,
            "checkpoint": "last",
            "aggregation": "1 run" if runs == 1 else f"mean of {runs} runs",
        }
    )


def named_protocol(params: "Params", folder: Path = FOLDER) -> Protocol:
    protocols = load_protocols(folder)
    if params.evaluation.protocol not in protocols:
        raise InputError(
            f"evaluation.protocol: {params.evaluation.protocol!r} is no protocol; known are {', '.join(protocols)}"
        )
    return protocols[params.evaluation.protocol]


def _given(override: Any, value: Any) -> Any:
    return value if override is None else override


def _grader(key: str, params: "Params", named: Protocol) -> str:
    """The first there is of: the profile's for this benchmark, the tests of code, the profile's for all, the protocol's."""
    evaluation = params.evaluation
    if key in evaluation.graders:
        return evaluation.graders[key]
    if find(key).runs_code:
        return find(key).grader
    if evaluation.grader:
        return find(key).grader if evaluation.grader == OWN else evaluation.grader
    return named.grader_of(key)


def departures(params: "Params", folder: Path = FOLDER) -> list[Difference]:
    """Where the protocol in force is not the one that the profile names."""
    return differences(protocol_in_force(params, folder), named_protocol(params, folder), None)
