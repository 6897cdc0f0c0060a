"""The protocol in force: the one that a profile names, with the profile's overrides, nothing in it unknown.

Three fields are not the profile's to choose, they follow from what the suite does: `train_prompt` is what the profile
trains with, the last checkpoint is evaluated, and scores are averaged over all training seeds. Where these are not the
named protocol's, that is a departure like any other.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from stages.benchmarks import BENCHMARKS, find
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


def check_evaluation(params: "Params") -> list[str]:
    """The benchmarks in force; InputError when one is unknown, unusable or wrongly set."""
    evaluation = params.evaluation
    for field in ("benchmarks", "samples", "graders", "benchmark_settings"):
        if unknown := sorted(set(getattr(evaluation, field)) - set(BENCHMARKS)):
            raise InputError(
                f"evaluation.{field}: unknown benchmark {', '.join(unknown)}; known are {', '.join(BENCHMARKS)}"
            )
    if len(set(evaluation.benchmarks)) < len(evaluation.benchmarks):
        raise InputError(f"evaluation.benchmarks: {evaluation.benchmarks} repeats an entry")
    force = protocol_in_force(params)
    chosen = list(force.samples)
    for name in chosen:
        if find(name).unusable:
            raise InputError(f"evaluation.benchmarks: {name} cannot be prepared: {find(name).unusable}")
    for name, graders in evaluation.also_graded_by.items():
        others = set(GRADERS) - {force.graders.get(name)}
        if name not in chosen or not set(graders) <= others or len(set(graders)) < len(graders):
            raise InputError(
                f"evaluation.also_graded_by: {name}: {graders}; give a benchmark that is evaluated and, once each, "
                f"graders other than its own: {', '.join(sorted(others))}"
            )
    benchmark_settings(params)
    return chosen


def benchmark_settings(params: "Params") -> dict[str, dict[str, Any]]:
    """Benchmark -> its settings, complete, for those in force that have any; InputError names a wrong one."""
    found, given = {}, params.evaluation.benchmark_settings
    chosen = protocol_in_force(params).samples
    for name in sorted({*given, *(key for key in chosen if find(key).settings)}):
        schema = find(name).settings
        if schema is None or name not in chosen:
            reason = "has no settings" if schema is None else "is not evaluated"
            raise InputError(f"evaluation.benchmark_settings.{name}: {name} {reason}; remove it")
        try:
            found[name] = schema.model_validate(given.get(name, {})).model_dump(mode="json")
        except ValidationError as error:
            problem = error.errors()[0]
            field = ".".join(map(str, ("evaluation.benchmark_settings", name, *problem["loc"])))
            reason = problem["ctx"]["error"] if problem["type"] == "value_error" else problem["msg"].lower()
            raise InputError(f"{field}: {reason}; known settings are {', '.join(schema.model_fields)}")
    return found
