"""`samples/<run>/<benchmark>.jsonl`: one line a sample, in the order (problem, repeat)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from stages.artifacts.records import SamplingRecord
from stages.common.files import InputError
from stages.common.validation import first_problem

BASE = "base"  # the untrained model's name among the runs that are sampled and graded


class Sample(BaseModel):
    """What a model answered. `id` names the problem, `repeat` counts its samples from 0; `stop_reason` is `length` where
    the limit of tokens ended it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str
    repeat: NonNegativeInt
    seed: int
    text: str
    tokens: NonNegativeInt
    stop_reason: Literal["stop", "length"]


def read_samples(path: Path) -> Iterator[Sample]:
    """Line by line: these files can be many gigabytes. InputError names file and line of one that is no sample."""
    try:
        with path.open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                try:
                    yield Sample.model_validate_json(line)
                except ValidationError as error:
                    raise InputError(
                        f"{path} line {number} is no sample ({first_problem(error, Sample)}): delete the file and run "
                        "stage sample again"
                    )
    except FileNotFoundError:
        raise InputError(f"{path} is missing; run stage sample (dvc repro does)")


def check_samples(folder: Path, counts: dict[str, int]) -> None:
    """InputError unless the folder holds its record and, of each benchmark, as many samples as `counts` says."""
    SamplingRecord.read(folder, "sample", folder.name)
    for benchmark, wanted in counts.items():
        found = sum(1 for _ in read_samples(folder / f"{benchmark}.jsonl"))
        if found != wanted:
            raise InputError(f"{folder / benchmark}.jsonl holds {found} samples, not {wanted}: run stage sample again")
