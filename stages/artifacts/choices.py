"""`choice.json` in `choices/<run>.<rule>/` and beside the samples: which checkpoint a rule chose, and by which scores."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from stages.common.files import write_json
from stages.common.validation import read_as

FILE = "choice.json"


class Choice(BaseModel):
    """`scores` has avg@k (a share) of each checkpoint that was looked at, by step and benchmark; none for a rule that names
    its step. `optimism`: stages/statistics/selection.py; None where nothing was looked at, or a problem has one sample.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    rule: str
    step: int
    scores: dict[int, dict[str, float]] = Field(strict=False)
    optimism: float | None

    def write(self, folder: Path) -> None:
        write_json(folder / FILE, self.model_dump(mode="json"))


def read_choice(folder: Path, run: str) -> Choice:
    """InputError names the stage to run for `run` when there is none or it is malformed."""
    return read_as(Choice, folder / FILE, f"run stage choose for {run} (dvc repro does)")
