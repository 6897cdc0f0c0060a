"""`manifest.json` of the prepared data: for each file where it is from, and how many rows came in, went out, and why."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from stages.common.files import InputError, sha256
from stages.common.validation import first_problem


class Entry(BaseModel):
    """One file. `dropped` and `mended` are by reason. Where a set is made of several sources, `address` and
    `source_sha256` are by source.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    source: str
    source_sha256: str | dict[str, str] | None = None  # none: generated, not fetched
    address: str | dict[str, str]
    licence: str
    redistribution: str
    rows_in: int
    rows_out: int
    dropped: dict[str, int]
    mended: dict[str, int]
    variant: str | None = None  # of a training set: as_released or decontaminated
    prompt: str | None = None  # of a training set: the template that its problems stand in
    # of a training set: benchmark -> how they were found -> problems of the benchmark that stand in it
    found: dict[str, dict[str, int]] | None = None
    golds: dict[str, int] | None = None  # of a benchmark with short answers: kind -> golds (stages/answers/golds.py)
    sha256: str = ""  # of the file


Manifest = dict[str, Entry]  # path below `data/` -> its entry
_SCHEMA = TypeAdapter(Manifest)


def to_json(manifest: Manifest) -> dict[str, dict]:
    """What the file holds; fields that say nothing of a set are left out."""
    return {path: entry.model_dump(exclude_none=True) for path, entry in manifest.items()}


def read_manifest(path: Path) -> Manifest:
    """InputError when the file is missing or malformed."""
    try:
        return _SCHEMA.validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing: run stage prepare (dvc repro does)")
    except ValidationError as error:
        raise InputError(f"{path}: {first_problem(error)}: run stage prepare again")


def check_data(folder: Path) -> None:
    """InputError unless the folder holds its manifest, and every file that this names with the sha256 that it states."""
    for name, entry in read_manifest(folder / "manifest.json").items():
        if not (folder / name).is_file() or sha256(folder / name) != entry.sha256:
            raise InputError(f"{folder / name} is not the file that manifest.json names: run stage prepare again")
