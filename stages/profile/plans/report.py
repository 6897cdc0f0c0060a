"""The plan of stage report."""

from pathlib import Path
from typing import Any, Self

from pydantic import Field, PositiveInt

from stages.common.files import InputError
from stages.profile.plans.base import Plan
from stages.profile.sections.backend import Backend
from stages.profile.sections.published import Published
from stages.profile.sections.train import Train
from stages.profile.sections.tuning import Tuning
from stages.protocols.differences import Difference
from stages.protocols.effective import EffectiveProtocol


class ReportPlan(Plan):
    """`method_of`: name under `methods` -> method. `method_settings`: run -> its complete settings. `datasets`: name
    under `methods` -> what it is trained on, where that is not train.dataset. `benchmarks`: name ->
    samples a problem, without the set that `tuning` chooses on. `released`: evaluated models that others trained. `checkpoints`: name -> rule, of those
    evaluated beside the last; `probes`: names of those that examined steps; `claims`: files of data/claims. `protocol`: the
    effective one, in which nothing is
    unknown; `protocol_overrides`: where it is not the one that the profile names.
    """

    profile: str
    methods: list[str]
    method_of: dict[str, str]
    seeds: list[int]
    runs: list[str]
    method_settings: dict[str, dict[str, Any]]
    benchmarks: dict[str, PositiveInt]
    protocol: EffectiveProtocol
    protocol_overrides: list[Difference]
    released: list[str]
    tuning: Tuning | None = None
    checkpoints: dict[str, str] = {}
    probes: list[str] = []
    train: Train
    # left out where all runs are trained on one set: such a plan says nothing of it
    datasets: dict[str, str] = Field({}, exclude_if=lambda datasets: not datasets)
    backend: Backend
    published: Published | None
    claims: list[str] = []

    def dataset_of(self, name: str) -> str:
        """What `name` of `methods` is trained on."""
        return self.datasets.get(name, self.train.dataset)

    @classmethod
    def read_of(cls, profile: str, path: Path) -> Self:
        """The plan in `path`; InputError when it is another profile's, or none."""
        plan = cls.read(path)
        if plan.profile != profile:
            raise InputError(f"{path} is of profile {plan.profile}, not {profile}: run stage resolve again")
        return plan
