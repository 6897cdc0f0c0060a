"""A source of the table as a set of lines: fetched, read, and, if it is trained on, in one of its variants."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from stages.artifacts.manifest import Entry
from stages.common.files import InputError
from stages.datasets import contamination, livecodebench
from stages.datasets.cleaning import Cleaned, Row, as_released, clean, problem_key
from stages.datasets.contamination import Index, Match
from stages.datasets.fetch import Fetched, fetch
from stages.datasets.readers import read_all
from stages.datasets.sources import Source

INNER = ("id", "problem", "answer", "mended", "released", "not_used")  # of a row; the other keys go into its line


class Dataset(NamedTuple):
    """`lines`: id, problem, answer, source, where known level, and a code problem's tests and entry_point."""

    lines: list[Row]
    entry: Entry


class Raw(NamedTuple):
    """A source as read: rows with their final ids, and of which files."""

    rows: list[Row]
    dropped: dict[str, int]  # before the rows were
    rows_in: int  # as stored
    files: dict[str, Fetched]  # source -> its file


def evaluation_set(source: Source, mirror: Path | None) -> Dataset:
    raw = read_raw(source, {}, mirror)
    return _dataset(source, raw, clean(raw.rows))


def livecodebench_set(settings: livecodebench.Settings, mirror: Path | None) -> Dataset:
    release = livecodebench.load(settings, mirror)
    entry = Entry(
        source=livecodebench.NAME,
        source_sha256={name: settings.sha256[name] for name in settings.files},
        address=f"https://huggingface.co/datasets/{livecodebench.REPOSITORY} at {settings.revision}",
        licence="unverified: the hub's card was not seen",
        redistribution="unverified: problems are of LeetCode, AtCoder and Codeforces; fetch by checksum only",
        rows_in=release.rows_in,
        rows_out=len(release.lines),
        dropped=release.dropped,
        mended={},
    )
    return Dataset(release.lines, entry)


def training_set(
    source: Source, sources: dict[str, Source], mirror: Path | None, variant: str, index: Index
) -> tuple[Dataset, list[Match]]:
    """The set in its variant, and all that stands in evaluation sets, which `decontaminated` leaves out.

    The matches are those of all its rows with their texts mended, so that both variants are reported alike.
    """
    raw = read_raw(source, sources, mirror)
    found = contamination.matches((row for row in raw.rows if "not_used" not in row), index)
    cleaned = as_released(raw.rows) if variant == "as_released" else without_matches(clean(raw.rows), found)
    dataset = _dataset(source, raw, cleaned)
    entry = dataset.entry.model_copy(update={"variant": variant, "found": contamination.counts(found)})
    return Dataset(dataset.lines, entry), found


def without_matches(cleaned: Cleaned, found: Iterable[Match]) -> Cleaned:
    contaminated = {match.training_id for match in found}
    kept = [row for row in cleaned.rows if row["id"] not in contaminated]
    count = len(cleaned.rows) - len(kept)
    dropped = cleaned.dropped | ({"stands in an evaluation set": count} if count else {})
    return cleaned._replace(rows=kept, dropped=dropped)


def read_raw(source: Source, sources: dict[str, Source], mirror: Path | None) -> Raw:
    """All rows of a source, or of its parts one after another without what stands in the sources of `without`."""
    if not source.parts:
        fetched = fetch(source, mirror)
        rows = [{**row, "id": _identity(source.name, row["id"])} for row in read_all(source, fetched)]
        if len({row["id"] for row in rows}) < len(rows):
            raise InputError(
                f"source {source.name}: two problems share an id; correct its reader {fetched.address.reader}"
            )
        copies = fetched.address.rows - len(rows)
        return Raw(rows, {"copies": copies} if copies else {}, fetched.address.rows, {source.name: fetched})
    parts = [read_raw(sources[name], sources, mirror) for name in source.parts]
    rows = [row for part in parts for row in part.rows]
    dropped = {reason: count for part in parts for reason, count in part.dropped.items()}
    for name in source.without:
        left_out = {problem_key(row["problem"]) for row in read_raw(sources[name], sources, mirror).rows}
        kept = [row for row in rows if problem_key(row["problem"]) not in left_out]
        dropped[f"stands in {name}"], rows = len(rows) - len(kept), kept
    files = {name: fetched for part in parts for name, fetched in part.files.items()}
    return Raw(rows, dropped, sum(part.rows_in for part in parts), files)


def _identity(name: str, number: int | str) -> str:
    return number if isinstance(number, str) else f"{name}-{number:04d}"


def _dataset(source: Source, raw: Raw, cleaned: Cleaned) -> Dataset:
    lines = []
    for row in cleaned.rows:
        more = {key: value for key, value in row.items() if key not in INNER}
        fields = {"id": row["id"], "problem": row["problem"], "answer": row["answer"], "source": source.name}
        lines.append(fields | more)
    entry = Entry(
        source=source.name,
        source_sha256=_one_or_all({name: file.address.sha256 for name, file in raw.files.items()}),
        address=_one_or_all({name: file.address.url for name, file in raw.files.items()}),
        licence=source.licence,
        redistribution=source.redistribution,
        rows_in=raw.rows_in,
        rows_out=len(lines),
        dropped=raw.dropped | cleaned.dropped,
        mended=cleaned.mended,
    )
    return Dataset(lines, entry)


def _one_or_all(by_file: dict[str, str]) -> str | dict[str, str]:
    return next(iter(by_file.values())) if len(by_file) == 1 else by_file
