"""The profile's files of claims, checked before anything runs."""

from pathlib import Path

from stages.claims.schema import read_claims
from stages.common.files import InputError
from stages.methods import METHODS
from stages.profile.params import Params

FOLDER = Path("data/claims")


def check_claims(params: Params) -> None:
    """InputError where a file of `claims` is missing or wrong, or names a run that is neither declared nor a method.

    A method that is not among the profile's `methods` is no mistake: its claims are reported as not run.
    """
    known = {*METHODS, *params.methods, *params.method_settings}
    for name in params.claims:
        path = FOLDER / f"{name}.yaml"
        for key, claim in read_claims(path).claims.items():
            if unknown := [run for run in claim.runs if run not in known]:
                raise InputError(
                    f"{path}: claims.{key}: {unknown[0]} is no method, and no run of method_settings; declare it there"
                )
