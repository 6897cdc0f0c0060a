"""A plan: what `resolve` writes for a stage or run, and how the stage reads it back."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stages.common.files import InputError, dump_json
from stages.common.validation import first_problem


class Plan(BaseModel):
    """Every stage depends on its own plan alone, so it runs again exactly when something changes that it uses."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    bench_seed: int = Field(ge=0, description="every generator of the bench is seeded from it")
    code: str = Field(description="fingerprint of the code that the stage runs")
    environment: str = Field(description="sha256 of the lock that its packages are from")

    @classmethod
    def read(cls, path: Path) -> Self:
        """The plan in `path`; InputError when there is none, or it is not one of this stage by this code."""
        again = "run `dvc repro`, whose first stage writes it"
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(f"{path} is missing: {again}")
        except ValidationError as error:
            raise InputError(f"{path}: {first_problem(error, cls)}: {again}")

    def text(self) -> str:
        """The file's content, the same bytes for the same plan."""
        return dump_json(self.model_dump(mode="json"))
