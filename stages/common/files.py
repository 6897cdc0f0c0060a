"""Reading and writing the pipeline's files: always whole, always the same bytes for the same content."""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


class InputError(Exception):
    """Something the user can mend. The message is one line that names the field or file and the fix."""


def sha256(path: Path) -> str:
    """Hex digest of a file, or of a folder's relative paths and contents."""
    if path.is_dir():
        digest = hashlib.sha256()
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()}\0{sha256(file)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def parse_json(text: str, infinite: bool = False) -> Any:
    r"""What a JSON text says. ValueError for a torn one, and for what Python reads and JSON does not know.

    That is NaN and the infinities, and half of a surrogate pair (`\ud800`), which no file can be written with. With `infinite` those numbers are taken.
    """
    content = json.loads(text) if infinite else json.loads(text, parse_constant=_no_number)
    if SURROGATE.search(text):
        try:
            json.dumps(content, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError(f"holds half of a surrogate pair, {error.object[error.start]!a}")
    return content


def _no_number(name: str) -> None:
    raise ValueError(f"holds {name}, which is no number")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def dump_json(content: Any) -> str:
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def write_text(path: Path, text: str) -> None:
    """Writes through a temporary file beside `path`, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"{path}: cannot be written: half of a surrogate pair, {error.object[error.start]!a}; remove it where the text is from"
        )
    os.replace(partial, path)


def write_json(path: Path, content: Any) -> None:
    write_text(path, dump_json(content))


def dump_line(row: dict[str, Any]) -> str:
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"
    except ValueError:
        raise InputError(f"a row ({row.get('id', 'without id')}) holds NaN or an infinity; correct it where it is from")


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    write_text(path, "".join(map(dump_line, rows)))


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a JSONL file; raises InputError naming file and line when one is torn."""
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            try:
                yield parse_json(line)
            except ValueError as error:
                raise InputError(
                    f"{path} line {number} is not whole JSON ({getattr(error, 'msg', error)}): delete the file and rerun its stage"
                )


@contextmanager
def output_folder(path: Path) -> Iterator[Path]:
    """A folder that appears at `path` only when the block ends without an error; nothing is left otherwise."""
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; make {path.parent} writable")
    try:
        yield partial
        shutil.rmtree(path, ignore_errors=True)
        partial.rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Holds the lock `path` for the block; yields False, at once, when another process holds it.

    The lock ends with the process that holds it, however that ends; the file stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
