"""LiveCodeBench's code generation problems, out of the hub's files or a folder that holds them.

A release is a prefix of six JSON-lines files; each row carries its private test cases as base64 of zlib of a pickle of
a JSON text. Unpickling runs whatever a file asks for, so the loader here knows no class and no function at all: a
pickle that names one is refused. https://huggingface.co/datasets/livecodebench/code_generation_lite
"""

import base64
import binascii
import io
import json
import pickle
import zlib
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError
from pydantic import BaseModel, ConfigDict, Field, model_validator

from stages.common.files import InputError, parse_json, sha256

NAME = "livecodebench"
REPOSITORY = "livecodebench/code_generation_lite"
FILES = ("test.jsonl", "test2.jsonl", "test3.jsonl", "test4.jsonl", "test5.jsonl", "test6.jsonl")
PROBLEMS = (400, 511, 612, 713, 880, 1055)  # of release_v1 to release_v6, as its authors count them
LEVELS = {"easy": 1, "medium": 2, "hard": 3}
ATCODER = {"memory_bytes": 1024 << 20}  # of its judge; LiveCodeBench's harness sets no limit of memory
# Of a problem's private tests, unpacked: this bench's choice, since 5.5 MB can be made that unpack to 4 GB.
MOST_BYTES = 1 << 30
MALFORMED = (KeyError, TypeError, ValueError, AttributeError)
# LiveCodeBench, lcb_runner/prompts/code_generation.py, get_generic_question_template_answer
WITH_STARTER = (
    "You will use the following starter code to write the solution to the problem and enclose your code within "
    "delimiters."
)
WITHOUT_STARTER = (
    "Read the inputs from stdin solve the problem and write the answer to stdout (do not directly test on the sample "
    "inputs). Enclose your code within delimiters as follows."
)


class Settings(BaseModel):
    """Dates are days of the contests, both included. No file is used without its sha256, which nobody publishes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    release: Literal["release_v1", "release_v2", "release_v3", "release_v4", "release_v5", "release_v6"]
    first_date: date | None = None
    last_date: date | None = None
    sha256: dict[str, str] = Field(description="file name -> sha256 of your copy, as sha256sum prints it")
    folder: str = Field("", description="that holds the files; without it they are fetched from the hub")
    # read in several public evaluation configurations, not at the hub itself
    revision: str = Field("0fe84c3912ea0c4d4a78037083943e8f0c4dd505", pattern=r"^[0-9a-f]{40}$")

    @property
    def files(self) -> tuple[str, ...]:
        return FILES[: int(self.release[-1])]

    @model_validator(mode="after")
    def _complete(self) -> "Settings":
        if missing := [name for name in self.files if name not in self.sha256]:
            raise ValueError(f"sha256: {', '.join(missing)} missing; run sha256sum on your copy of {self.release}")
        if self.first_date and self.last_date and self.last_date < self.first_date:
            raise ValueError(f"last_date: {self.last_date} is before first_date {self.first_date}")
        return self


class Release(NamedTuple):
    lines: list[dict[str, Any]]  # evaluation lines
    rows_in: int
    dropped: dict[str, int]  # reason -> rows


class NoGlobals(pickle.Unpickler):
    """Reads texts, numbers, lists and dicts; nothing can be imported, hence nothing can be called."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def load(settings: Settings, mirror: Path | None = None) -> Release:
    """Problems of the release within the window; InputError when a file is missing, another one, or malformed."""
    lines, rows_in, dropped = [], 0, 0
    for name in settings.files:
        path = _verified(settings, name, mirror)
        for number, row in _rows(path, name):
            rows_in += 1
            try:
                if _in_window(datetime.fromisoformat(row["contest_date"]).date(), settings):
                    lines.append(line_of(row))
                else:
                    dropped += 1
            except MALFORMED as error:
                reason = f"{type(error).__name__}: {error}"
                raise InputError(f"livecodebench: {name} row {number} is malformed ({reason}); get the file anew")
    expected = PROBLEMS[len(settings.files) - 1]
    if rows_in != expected:
        raise InputError(
            f"livecodebench: {settings.release} has {rows_in} problems, not {expected}; get its files anew"
        )
    if not lines:
        raise InputError("livecodebench: no problem lies within first_date and last_date; widen the window")
    return Release(lines, rows_in, {"outside the window of dates": dropped} if dropped else {})


def line_of(row: dict[str, Any]) -> dict[str, Any]:
    """A row as an evaluation line: id, problem (with the benchmark's own wording), tests, entry_point."""
    tests = json.loads(row["public_test_cases"]) + private_tests(row["private_test_cases"])
    tests = [{field: test[field] for field in ("input", "output", "testtype")} for test in tests]
    kinds = {test["testtype"] for test in tests}
    if kinds not in ({"stdin"}, {"functional"}):
        raise ValueError(f"tests are {sorted(kinds)}, not all stdin or all functional")
    name = json.loads(row["metadata"]).get("func_name")
    if (kinds == {"functional"}) != bool(name):
        raise ValueError("a function's name belongs to functional tests, and only to them")
    return {
        "id": row["question_id"],
        "problem": prompt(row["question_content"], row["starter_code"]),
        "answer": "",  # no solutions are released
        "source": "livecodebench",
        "level": LEVELS[row["difficulty"]],
        "tests": tests,
        **({"limits": ATCODER} if row.get("platform") == "atcoder" else {}),
        **({"entry_point": name} if name else {}),
    }


def prompt(question: str, starter: str) -> str:
    wanted, code = (WITH_STARTER, starter) if starter else (WITHOUT_STARTER, "# YOUR CODE HERE")
    return (
        f"### Question:\n{question}\n\n### Format: {wanted}\n```python\n{code}\n```\n\n"
        "### Answer: (use the provided format with backticks)\n\n"
    )


def private_tests(stored: str) -> list[dict[str, str]]:
    """Plain JSON in old rows, else the packed form; ValueError if it is neither or its pickle is more than a text."""
    if stored.lstrip().startswith("["):
        return json.loads(stored)
    try:
        unpacker = zlib.decompressobj()
        unpacked = unpacker.decompress(base64.b64decode(stored, validate=True), MOST_BYTES)
        if not unpacker.eof:
            raise ValueError(f"private test cases are torn, or unpack to more than {MOST_BYTES} bytes")
        text = NoGlobals(io.BytesIO(unpacked)).load()
    except (binascii.Error, zlib.error, EOFError, IndexError, pickle.UnpicklingError) as error:
        raise ValueError(f"private test cases are not a packed text: {error}")
    if not isinstance(text, str):
        raise ValueError(f"private test cases hold a {type(text).__name__}, not a text")
    return json.loads(text)


def _in_window(day: date, settings: Settings) -> bool:
    return (settings.first_date or day) <= day <= (settings.last_date or day)


def _verified(settings: Settings, name: str, mirror: Path | None) -> Path:
    """The file of that name: from `folder`, from the mirror alone if there is one, else from the hub."""
    wanted = settings.sha256[name]
    path = Path(settings.folder) / name if settings.folder else mirror / wanted if mirror else _download(settings, name)
    if not path.is_file():
        raise InputError(
            f"livecodebench: {name} is not in the {'folder' if settings.folder else 'mirror'}; put it there"
        )
    if (found := sha256(path)) != wanted:
        raise InputError(f"livecodebench: wrong checksum, {name} has sha256 {found}, not {wanted}; get it anew")
    return path


def _download(settings: Settings, name: str) -> Path:
    try:
        return Path(hf_hub_download(REPOSITORY, name, repo_type="dataset", revision=settings.revision))
    except (HfHubHTTPError, OSError) as error:
        raise InputError(
            f"livecodebench: cannot fetch {name} of {REPOSITORY} at {settings.revision} ({type(error).__name__}); "
            "connect to the network, or give the setting folder"
        )


def _rows(path: Path, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8", newline="\n") as stream:  # a row of 40 MB: not all of them at once
        for number, line in enumerate(stream, 1):
            try:
                yield number, parse_json(line)
            except ValueError as error:
                reason = getattr(error, "msg", error)
                raise InputError(f"livecodebench: {name} row {number} is torn ({reason}); get the file anew")
