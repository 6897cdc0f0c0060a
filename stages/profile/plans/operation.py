"""How a profile is run and watched, beside what is computed: no result depends on it.

Stage resolve writes it beside the plans, and no stage of `dvc.yaml` depends on the file: another logger, or a Ray cluster
that has another address after every start, repeats no training.
"""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from stages.common.files import InputError, dump_json
from stages.common.validation import first_problem
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
        path = plan / FILE
        again = "run `dvc repro`, whose first stage writes it"
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(f"{path} is missing: {again}")
        except ValidationError as error:
            raise InputError(f"{path}: {first_problem(error, cls)}: {again}")

    def text(self) -> str:
        return dump_json(self.model_dump())
