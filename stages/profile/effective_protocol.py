"""The effective protocol: the one that a profile names, with the profile's overrides, nothing in it unknown.

Three fields are not the profile's to choose, they follow from what the bench does: `train_prompt` is what the profile
trains with, the last checkpoint is evaluated, and scores are averaged over all training seeds. Where these are not the
named protocol's, that is an override like any other.
"""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stages.benchmarks import BENCHMARKS, find, is_benchmark
from stages.common.files import InputError
from stages.common.validation import first_problem
from stages.graders.registry import GRADERS
from stages.profile.read_once import read_once
from stages.profile.sections.evaluation import Evaluation
from stages.protocols.differences import Difference, differences
from stages.protocols.effective import EffectiveProtocol
from stages.protocols.record import FOLDER, OWN, SAMPLING, UNKNOWN, Protocol, load_protocols

GREEDY_BELOW = 1e-5  # vLLM takes the likeliest token there (vllm/sampling_params.py, _SAMPLING_EPS)


def effective_protocol(
    evaluation: Evaluation, train_prompt: str, seeds: int, folder: Path = FOLDER
) -> EffectiveProtocol:
    """What a profile's models are evaluated by: nothing in it is unknown, each benchmark has its prompt and grader.

    `train_prompt` is the template that the profile trains with, `seeds` how many training seeds it has.

    InputError names the setting to give where the named protocol leaves one open, or one that cannot be used.
    """
    named = named_protocol(evaluation, folder)
    benchmarks = evaluation.benchmarks or list(dict.fromkeys([*named.samples, *evaluation.samples]))
    for key in dict.fromkeys([*evaluation.samples, *evaluation.graders, *evaluation.prompts]):
        if key not in benchmarks:
            raise InputError(f"evaluation: {key} has a setting, but is not in evaluation.benchmarks; add or remove it")
    for key in evaluation.prompts:
        if find(key).prompt:
            raise InputError(f"evaluation.prompts.{key}: its problems say themselves what is wanted; remove it")
    chosen = {name: _given(getattr(evaluation, name), getattr(named, name)) for name in SAMPLING}
    samples = {key: evaluation.samples.get(key) or named.samples.get(key) or find(key).samples for key in benchmarks}
    prompts = {
        key: find(key).prompt or evaluation.prompts.get(key) or evaluation.prompt or named.prompt_of(key)
        for key in benchmarks
    }
    graders = {key: _grader(key, evaluation, named) for key in benchmarks}
    fields = {**chosen, **{f"samples.{key}": k for key, k in samples.items()}}
    fields |= {"prompt": UNKNOWN} if UNKNOWN in prompts.values() else {}
    for field, value in fields.items():
        if value == UNKNOWN:
            raise InputError(f"evaluation.{field}: protocol {named.name} leaves it unknown; give one in the profile")
    for key, k in samples.items():
        if isinstance(k, int) and k > 1 and chosen["temperature"] < GREEDY_BELOW:
            raise InputError(
                f"evaluation.samples.{key}: {k} samples at temperature {chosen['temperature']:g} are one sample {k} "
                "times; give 1, or a temperature above 0"
            )
    for key, grader in graders.items():
        if grader not in GRADERS:
            origin = "the profile" if key in evaluation.graders or evaluation.grader else f"protocol {named.name}"
            raise InputError(
                f"evaluation.graders.{key}: {origin} asks for {grader!r}, which this bench does not have; give one of "
                f"{', '.join(GRADERS)}"
            )
    return EffectiveProtocol(  # which checks that nothing is unknown
        name=named.name,
        title=named.title,
        source=named.source,
        notes=named.notes,
        **chosen,
        train_prompt=train_prompt,
        prompt=evaluation.prompt or named.prompt,
        prompts=prompts,
        samples=samples,  # type: ignore[arg-type]
        grader=evaluation.grader or named.grader,
        graders=graders,
        checkpoint="last",
        aggregation="1 run" if seeds == 1 else f"mean of {seeds} runs",
    )


def named_protocol(evaluation: Evaluation, folder: Path = FOLDER) -> Protocol:
    """The protocol that the profile names, as it stands in its file."""
    protocols = read_once(load_protocols, folder)
    if evaluation.protocol not in protocols:
        raise InputError(
            f"evaluation.protocol: {evaluation.protocol!r} is no protocol; known are {', '.join(protocols)}"
        )
    return protocols[evaluation.protocol]


def _given(override: Any, value: Any) -> Any:
    return value if override is None else override


def _grader(key: str, evaluation: Evaluation, named: Protocol) -> str:
    """The grader of a benchmark: the one that the profile gives it. Else what has no short answers has its own. Else the one that
    the profile gives to all benchmarks. Else the named protocol's.
    """
    if key in evaluation.graders:
        return evaluation.graders[key]
    if not find(key).has_short_answers:
        return find(key).grader
    if evaluation.grader:
        return find(key).grader if evaluation.grader == OWN else evaluation.grader
    return named.grader_of(key)


def overrides(evaluation: Evaluation, effective: EffectiveProtocol, folder: Path = FOLDER) -> list[Difference]:
    """Where the effective protocol is not the one that the profile names."""
    return differences(effective, named_protocol(evaluation, folder), None)


def check_evaluation(evaluation: Evaluation, train_prompt: str, seeds: int) -> list[str]:
    """The benchmarks that are evaluated; InputError when one is unknown, unusable or wrongly set."""
    for field in ("benchmarks", "samples", "graders", "prompts", "benchmark_settings"):
        if unknown := sorted(name for name in getattr(evaluation, field) if not is_benchmark(name)):
            raise InputError(
                f"evaluation.{field}: unknown benchmark {', '.join(unknown)}; known are {', '.join(BENCHMARKS)}"
            )
    if len(set(evaluation.benchmarks)) < len(evaluation.benchmarks):
        raise InputError(f"evaluation.benchmarks: {evaluation.benchmarks} repeats an entry")
    effective = effective_protocol(evaluation, train_prompt, seeds)
    chosen = list(effective.samples)
    for name in chosen:
        if find(name).unusable:
            raise InputError(f"evaluation.benchmarks: {name} cannot be prepared: {find(name).unusable}")
    for name, graders in evaluation.also_graded_by.items():
        others = set(GRADERS) - {effective.graders.get(name)}
        if name not in chosen or not set(graders) <= others or len(set(graders)) < len(graders):
            raise InputError(
                f"evaluation.also_graded_by: {name}: {graders}; give a benchmark that is evaluated and, once each, "
                f"graders other than its own: {', '.join(sorted(others))}"
            )
    benchmark_settings(evaluation, effective)
    return chosen


def benchmark_settings(evaluation: Evaluation, effective: EffectiveProtocol) -> dict[str, dict[str, Any]]:
    """Benchmark -> its settings, complete, for those evaluated that have any; InputError names a wrong one."""
    found, given = {}, evaluation.benchmark_settings
    chosen = effective.samples
    for name in sorted({*given, *(key for key in chosen if find(key).settings)}):
        schema = find(name).settings
        if schema is None or name not in chosen:
            reason = "has no settings" if schema is None else "is not evaluated"
            raise InputError(f"evaluation.benchmark_settings.{name}: {name} {reason}; remove it")
        try:
            found[name] = schema.model_validate(given.get(name, {})).model_dump(mode="json")
        except ValidationError as error:
            raise InputError(first_problem(error, schema, f"evaluation.benchmark_settings.{name}"))
    return found
