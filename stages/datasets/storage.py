"""The rows of a stored file, whatever its format; where every row stands many times, one of them."""

import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow
import pyarrow.parquet

from stages.datasets.fetch import Fetched
from stages.files import InputError

Row = dict[str, Any]


def stored_rows(name: str, fetched: Fetched) -> list[Row]:
    """In the file's order; InputError if it is torn or has another number of rows or copies than the table says."""
    address = fetched.address
    try:
        rows, count = _counted(_one_of_each(name, _rows(name, fetched), address.copies))
    except (pyarrow.ArrowException, EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"source {name}: the file is torn ({reason}); pin a whole one in data/sources.yaml")
    if count != address.rows:
        raise InputError(f"source {name}: {count} rows, not {address.rows}; correct data/sources.yaml")
    return rows


def _counted(marked: Iterable[tuple[Row, bool]]) -> tuple[list[Row], int]:
    rows, count = [], 0
    for row, kept in marked:
        count += 1
        if kept:
            rows.append(row)
    return rows, count


def _one_of_each(name: str, rows: Iterable[Row], copies: int) -> Iterator[tuple[Row, bool]]:
    """(row, whether it is the first of its `copies`). Copies have one prompt and one gold; their numbers may differ."""
    if copies == 1:
        yield from ((row, True) for row in rows)
        return
    seen: Counter[str] = Counter()
    for row in rows:
        key = json.dumps([row.get("prompt"), row.get("reward_model")], sort_keys=True)
        yield row, seen[key] % copies == 0
        seen[key] += 1
    if any(count % copies for count in seen.values()):
        raise InputError(f"source {name}: not every row stands {copies} times; correct copies in data/sources.yaml")


def _rows(name: str, fetched: Fetched) -> Iterator[Row]:
    path, content = fetched.address.path, fetched.content
    if path.endswith(".parquet"):
        file = pyarrow.parquet.ParquetFile(io.BytesIO(content))
        for batch in file.iter_batches():  # a file of 100 copies is never whole in memory as Python objects
            yield from batch.to_pylist()
        return
    if path.endswith(".gz"):
        content = gzip.decompress(content)
    text = content.decode("utf-8")
    if path.endswith(".json"):
        yield from _json(name, 1, text)
        return
    # A JSON text may hold the line separators U+2028 and U+0085, so the lines are not those of splitlines().
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        yield _json(name, number, line)


def _json(name: str, number: int, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"source {name}: row {number} is torn ({error.msg}); pin a whole file in data/sources.yaml")
