"""`versions.json` beside a model and beside its samples: the packages that made them, and what else identifies them."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from stages.common.files import write_json
from stages.common.validation import read_as

FILE = "versions.json"


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    packages: dict[str, str]  # name -> version

    @classmethod
    def read(cls, folder: Path, stage: str, run: str) -> Self:
        """The record in `folder`; InputError names the `stage` to run for `run` when there is none or it is malformed."""
        return read_as(cls, folder / FILE, f"run stage {stage} for {run} (dvc repro does)")

    def write(self, folder: Path) -> None:
        write_json(folder / FILE, self.model_dump())


class TrainingRecord(Record):
    """`seed`: that of all generators. `prompts`: how many were trained on, and how many were too long for it."""

    seed: int
    prompts: int
    prompts_too_long: int


class SamplingRecord(Record):
    """`protocol`: name of the effective protocol and a sha256 of what of it decides a sample. `model_sha256`: of the
    folder that was served.
    """

    protocol: str
    model_sha256: str
