"""The probes that a profile declares: by name, whole, and whether they can be made."""

from typing import Any, NamedTuple

from stages.artifacts.samples import BASE
from stages.common.files import InputError
from stages.methods import build
from stages.profile.params import Params
from stages.profile.sections.probes import Probe
from stages.rl.batch import TrainingStep
from stages.rl.settings import Rollout


class DeclaredProbe(NamedTuple):
    """`run` is that of the model, `base` for the untrained one; `method` is a name of `methods` or `method_settings`; `numbers`
    are the fields of the section, none of them none.
    """

    run: str
    method: str
    numbers: dict[str, Any]


def declared_probes(params: Params) -> dict[str, DeclaredProbe]:
    """Name -> probe. InputError names the first that cannot be made."""
    runs = {f"{name}-{seed}": name for name in params.methods for seed in params.seeds}
    found: dict[str, DeclaredProbe] = {}
    for name, probe in params.probes.base.items():
        found[f"{BASE}.{name}"] = DeclaredProbe(BASE, name, _whole(params, f"probes.base.{name}", name, probe))
    for run, probe in params.probes.trained.items():
        if run not in runs:
            raise InputError(f"probes.trained.{run}: no such run; runs are {', '.join(runs)}")
        found[run] = DeclaredProbe(run, runs[run], _whole(params, f"probes.trained.{run}", runs[run], probe))
    return found


def _whole(params: Params, place: str, name: str, probe: Probe) -> dict[str, Any]:
    train, (known, settings) = params.train, params.method_of(name)
    method = build(known, settings)
    state = TrainingStep(1, train.steps, method.initial_state())
    if method.rollout(state) != Rollout():
        raise InputError(f"{place}: {known} changes how responses are sampled, and a probe samples plainly; remove it")
    if method.reference not in ("none", "initial"):
        raise InputError(f"{place}: {known} needs a reference that is told the answer, which no probe has; remove it")
    for optimiser, own in probe.optimisers.items():
        if own.kind == "sgd" and own.epsilon is not None:
            raise InputError(f"{place}.optimisers.{optimiser}.epsilon: sgd has none; remove it")
    found = {name: getattr(probe, name) for name in ("batches", "optimisers", "coupled_states")}
    numbers = {
        "prompts": probe.prompts or train.prompts_per_step,
        "responses": probe.responses or train.responses_per_prompt,
        "updates": probe.updates or method.settings.updates_per_step or train.updates_per_step,
    }
    if numbers["prompts"] % numbers["updates"]:
        raise InputError(
            f"{place}.updates: {numbers['updates']} mini-batches cannot share {numbers['prompts']} prompts evenly; "
            "give a divisor"
        )
    if settings.get("k", 0) > numbers["responses"]:
        raise InputError(
            f"{place}.responses: {numbers['responses']}, and {known} draws sets of {settings['k']} (k); give at least that"
        )
    return found | numbers
