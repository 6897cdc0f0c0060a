"""The profile's files of claims, checked before anything runs."""

from pathlib import Path

from stages.claims.schema import Test, read_claims
from stages.common.files import InputError
from stages.methods import METHODS
from stages.profile.params import Params
from stages.profile.probes import declared_probes
from stages.profile.sections.probes import ProbeOptimiser

FOLDER = Path("data/claims")


def check_claims(params: Params) -> None:
    """InputError where a file of `claims` is missing or wrong, names a run that is neither declared nor a method, or a step that
    a declared probe does not examine.

    A method or a probe that is not among the profile's is no mistake: its claims are reported as not run.
    """
    probes = declared_probes(params)
    known = {*METHODS, *params.methods, *params.method_settings}
    for name in params.claims:
        path = FOLDER / f"{name}.yaml"
        for key, claim in read_claims(path).claims.items():
            if unknown := [run for run in claim.runs if run not in known]:
                raise InputError(
                    f"{path}: claims.{key}: {unknown[0]} is no method, and no run of method_settings; declare it there"
                )
            for test in claim.tests:
                if test.probe in probes:
                    _check_step(test, probes[test.probe].numbers["optimisers"], f"{path}: claims.{key}")


def _check_step(test: Test, optimisers: dict[str, ProbeOptimiser], place: str) -> None:
    optimiser = optimisers.get(test.place.optimiser)
    if optimiser is None or test.place.learning_rate not in optimiser.learning_rates:
        steps = "; ".join(
            f"{name} {', '.join(f'{x:g}' for x in own.learning_rates)}" for name, own in optimisers.items()
        )
        raise InputError(f"{place}: at: {test.at!r} is no step of probe {test.probe}, which has {steps}")
