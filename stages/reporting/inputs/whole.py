"""Whether a file of results holds JSON objects at all, before a reader looks for their fields."""

import os
from pathlib import Path
from typing import Any

from stages.common.files import InputError, parse_json

TAIL = 1 << 20  # bytes at a file's end that are looked at first for its last line


def check_objects(path: Path, again: str) -> None:
    """InputError unless the file is a JSON object or, of `.jsonl`, an object a line. `again` says how to make it anew.

    A file that is missing is for its reader to name.
    """
    if not path.is_file():
        return
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not in UTF-8: {again}")
    for number, part in enumerate(text.splitlines() if path.suffix == ".jsonl" else [text], 1):
        where = f"{path} line {number}" if path.suffix == ".jsonl" else f"{path}"
        _object(part, where, again)


def last_object(path: Path, again: str) -> dict[str, Any] | None:
    """The last line of a JSONL file of any size; None where there is none. InputError as `check_objects`."""
    size, line = path.stat().st_size, b""
    with path.open("rb") as stream:
        for length in (min(TAIL, size), size):  # a line longer than the tail: the whole file
            stream.seek(-length, os.SEEK_END)
            tail = stream.read().rstrip(b"\n")
            line = tail.rpartition(b"\n")[2]
            if line != tail:
                break
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path}, last line, is not in UTF-8: {again}")
    return _object(text, f"{path}, last line,", again) if text else None


def _object(text: str, where: str, again: str) -> dict[str, Any]:
    try:
        content = parse_json(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not whole JSON ({getattr(error, 'msg', error)}): {again}")
    if not isinstance(content, dict):
        raise InputError(f"{where} is no JSON object: {again}")
    return content
