"""A user's own file of problems: JSONL or parquet with `problem` and `answer`, and if known `id`, `level`, `source`."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow
import pyarrow.parquet

from stages.artifacts.manifest import Entry
from stages.common.files import InputError, parse_json
from stages.datasets import contamination
from stages.datasets.assembly import INNER, Dataset, without_matches
from stages.datasets.cleaning import Cleaned, Row, as_released, clean
from stages.datasets.contamination import Index, Match

NEEDED, KNOWN = ("problem", "answer"), ("id", "problem", "answer", "level", "source")


class OwnFile(NamedTuple):
    rows: list[Row]
    sha256: str


def read_own(name: str, file: str, sha256: str = "") -> OwnFile:
    """The rows of a file; InputError names the row and field of the first thing wrong, or another checksum."""
    place = f"data.own.{name}.file: {file}"
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise InputError(f"{place}: {error.strerror}; give the path of a file that can be read")
    found = hashlib.sha256(content).hexdigest()
    if sha256 and found != sha256:
        raise InputError(
            f"data.own.{name}.sha256: {file} has {found}, not {sha256}; restore the file; if it is meant, correct "
            "the sha256 in params.yaml where one stands, and run make repro"
        )
    rows = [
        _checked(f"{place} row {number}", name, number, row)
        for number, row in enumerate(_rows(place, file, content), 1)
    ]
    if not rows:
        raise InputError(f"{place} holds no row; give one with problem and answer a row")
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        if (first := seen.setdefault(row["id"], number)) != number:
            raise InputError(
                f"{place} row {number}: id {row['id']!r} is that of row {first}; make them differ, or leave ids out"
            )
    return OwnFile(rows, found)


def own_benchmark(name: str, file: str, sha256: str, licence: str) -> Dataset:
    read = read_own(name, file, sha256)
    return _dataset(name, file, licence, read, clean(read.rows))


def own_training(
    name: str, file: str, sha256: str, licence: str, variant: str, index: Index
) -> tuple[Dataset, list[Match]]:
    """The set in its variant, and what of it stands in the evaluation sets of `index`, as of any training set."""
    read = read_own(name, file, sha256)
    found = contamination.matches(read.rows, index)
    cleaned = as_released(read.rows) if variant == "as_released" else without_matches(clean(read.rows), found)
    dataset = _dataset(name, file, licence, read, cleaned)
    entry = dataset.entry.model_copy(update={"variant": variant, "found": contamination.counts(found)})
    return Dataset(dataset.lines, entry), found


def _rows(place: str, file: str, content: bytes) -> Iterator[Any]:
    if file.endswith(".parquet"):
        try:
            yield from pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
        except pyarrow.ArrowException as error:
            raise InputError(f"{place} is no parquet file ({' '.join(str(error).split())[:120]}); write it anew")
        return
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{place} is not UTF-8 (byte {error.start}); save it as UTF-8")
    # a JSON text may hold the line separators U+2028 and U+0085, so the lines are not those of splitlines()
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        if line.strip():
            try:
                yield parse_json(line)
            except ValueError as error:
                raise InputError(f"{place} row {number} is not whole JSON ({getattr(error, 'msg', error)}); correct it")


def _checked(place: str, name: str, number: int, row: Any) -> Row:
    if not isinstance(row, dict):
        raise InputError(f"{place} is no mapping; write one with {', '.join(NEEDED)}")
    for field in NEEDED:
        if field not in row:
            known = ", ".join(map(str, row))
            raise InputError(f"{place}: {field} is missing; its fields are {known}; name one so, or leave the row out")
        if not isinstance(row[field], str) or not row[field].strip():
            raise InputError(f"{place}: {field} is {row[field]!r}; write a text that is not empty")
    if row.get("level") is not None and not isinstance(row["level"], int):
        raise InputError(f"{place}: level is {row['level']!r}; write a whole number, or leave it out")
    own = {field: row[field] for field in KNOWN if row.get(field) is not None}
    identity = own.get("id", number)
    return own | {"id": identity if isinstance(identity, str) else f"{name}-{identity:04d}"}


def _dataset(name: str, file: str, licence: str, read: OwnFile, cleaned: Cleaned) -> Dataset:
    lines = []
    for row in cleaned.rows:
        more = {key: value for key, value in row.items() if key not in INNER}
        lines.append({"id": row["id"], "problem": row["problem"], "answer": row["answer"], "source": name} | more)
    entry = Entry(
        source=name,
        source_sha256=read.sha256,
        address=f"{Path(file).name}, a file of this profile's user",
        licence=licence,
        redistribution="its owner's to say",
        rows_in=len(read.rows),
        rows_out=len(lines),
        dropped=cleaned.dropped,
        mended=cleaned.mended,
    )
    return Dataset(lines, entry)
