"""Reading and writing the pipeline's files: always whole, always the same bytes for the same content."""

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

FULL = (errno.ENOSPC, errno.EDQUOT)
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
    """InputError when it is torn."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is not whole JSON ({error}): delete the file and rerun its stage")


def dump_json(content: Any) -> str:
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def write_bytes(path: Path, content: bytes) -> None:
    """Writes through a file of this process beside `path`: a reader never sees half of it, and of two writers one wins."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        if is_full(error):
            raise
        raise InputError(f"cannot write {path}: {error.strerror}; make {path.parent} writable")


def write_text(path: Path, text: str) -> None:
    """As `write_bytes`, in UTF-8; InputError for half of a surrogate pair."""
    try:
        write_bytes(path, text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise InputError(
            f"{path}: cannot be written: half of a surrogate pair, {error.object[error.start]!a}; remove it where the text is from"
        )


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


def is_full(error: BaseException) -> bool:
    """Whether `error` tells of a full disk. Libraries that are not Python's say so in words."""
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    return any(os.strerror(number) in str(error) for number in FULL)


@contextmanager
def output_folder(path: Path, check: Callable[[Path], object]) -> Iterator[Path]:
    """A folder that appears at `path` when the block ends without an error and `check` finds it whole.

    Nothing is left otherwise, and what was at `path` stays. `check` raises for a folder that lacks something. InputError
    where another process is writing the same folder, or something stands in its place.
    """
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise InputError(f"cannot write {path}: it is a {'link' if path.is_symlink() else 'file'}; remove it")
    partial, old = path.with_name(f".{path.name}.partial"), path.with_name(f".{path.name}.{os.getpid()}.old")
    with _claimed(partial, path):
        try:
            yield partial
            check(partial)
            if path.exists():
                path.rename(old)
            partial.rename(path)
        except BaseException:
            if old.exists():
                old.rename(path)
            shutil.rmtree(partial, ignore_errors=True)
            raise
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _claimed(partial: Path, path: Path) -> Iterator[None]:
    """An empty folder `partial` that this process alone writes. The lock lies on the folder and ends with the process."""
    while True:
        try:
            partial.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror}; make {path.parent} writable")
        try:
            descriptor = os.open(partial, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:  # its writer has just finished with it
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise InputError(f"another process is writing {path}; wait until it has ended, then run again")
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), partial.stat()):
                break
        os.close(descriptor)  # its writer has put it in place, or removed it
    try:
        # what a killed writer has left; an old folder may be one that its own writer is just removing
        for left in partial.iterdir():
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        for left in path.parent.glob(f".{path.name}.*.old"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(descriptor)


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
