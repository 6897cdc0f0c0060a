"""Shipped profiles, each read once, and what a test changes in one."""

import functools

from stages.profile.params import Params, load
from tests.project import ROOT

PAPERS = ["steer-qwen2.5-math-7b", "par-qwen2.5-math-7b", "flexible-qwen2.5-math-7b"]


@functools.cache
def profile(name: str) -> Params:
    return load(ROOT / f"profiles/{name}.yaml")


def of_profile(name: str, **changes) -> Params:
    return profile(name).model_copy(update=changes)
