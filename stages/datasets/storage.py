"""The rows of a stored file, whatever its format; where every row stands many times, one of so many."""

import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow
import pyarrow.parquet

from stages.common.files import InputError, parse_json
from stages.datasets.fetch import Fetched

Row = dict[str, Any]


def stored_rows(name: str, fetched: Fetched) -> list[Row]:
    """In the file's order; InputError if it is torn or has another number of rows or copies than the table says."""
    address = fetched.address
    try:
        stood = Counter(_key(row) for row in _rows(name, fetched)) if address.copies > 1 else None
        if stood and any(count % address.copies for count in stood.values()):
            raise InputError(
                f"source {name}: not every row stands {address.copies} times; correct copies in data/sources.yaml"
            )
        kept: list[Row] = []
        count, taken = 0, Counter[str]()
        for count, row in enumerate(_rows(name, fetched), 1):  # noqa: B007 (read after the loop)
            if stood is not None:
                key = _key(row)
                taken[key] += 1
                if taken[key] > stood[key] // address.copies:
                    continue
            kept.append(row)
    except (pyarrow.ArrowException, EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"source {name}: the file is torn ({reason}); pin a whole one in data/sources.yaml")
    if count != address.rows:
        raise InputError(f"source {name}: {count} rows, not {address.rows}; correct data/sources.yaml")
    return kept


def _key(row: Row) -> str:
    """What copies of a row have in common: prompt and gold; their numbers may differ."""
    return json.dumps([row.get("prompt"), row.get("reward_model")], sort_keys=True)


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
        return parse_json(text, infinite=True)  # EvalPlus tests programs with Infinity; readers refuse it elsewhere
    except ValueError as error:
        reason = getattr(error, "msg", error)
        raise InputError(f"source {name}: row {number} is torn ({reason}); pin a whole file in data/sources.yaml")
