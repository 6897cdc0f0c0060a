"""How a profile is run and watched, beside what is computed: no result depends on it.

Stage resolve writes it beside the plans, and no stage of `dvc.yaml` depends on the file: another logger, or a Ray cluster
that has another address after every start, repeats no training.
"""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from stages.common.files import dump_json
from stages.common.validation import read_as
from stages.profile.sections.backend import LOCAL, Backend, Logger

FILE = "operation.json"


class Operation(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    profile: str
    loggers: list[Logger] = []
    ray_address: str = LOCAL

    @property
    def joins(self) -> bool:
        """Whether a Ray cluster is joined that others started."""
        return self.ray_address != LOCAL

    @classmethod
    def of(cls, profile: str, backend: Backend) -> Self:
        return cls(profile=profile, loggers=backend.loggers, ray_address=backend.ray_address)

    @classmethod
    def read(cls, plan: Path) -> Self:
        """From the profile's folder of plans; InputError when it is not there or malformed."""
        return read_as(cls, plan / FILE, "run `dvc repro`, whose first stage writes it")

    def text(self) -> str:
        return dump_json(self.model_dump())
