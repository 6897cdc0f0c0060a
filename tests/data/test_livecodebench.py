"""LiveCodeBench from files in the hub's format, written here with the hub's own encoding."""

import base64
import json
import os
import pickle
import zlib
from pathlib import Path

import pytest

from stages.common.files import InputError, read_json, read_jsonl, sha256
from stages.datasets import livecodebench
from stages.datasets.livecodebench import Settings, line_of, load, private_tests
from stages.prepare import prepare
from tests.plans import prepare_plan


def packed(tests: object) -> str:
    """As the hub stores private test cases: base64 of zlib of a pickle of a JSON text."""
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(tests)))).decode()


def row(number: int, **changes) -> dict:
    public = [{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}]
    private = [{"input": "4 5\n", "output": "9\n", "testtype": "stdin"}]
    return {
        "question_title": "Sum", "question_content": "Add two numbers.", "platform": "atcoder",
        "question_id": f"abc{number}", "contest_id": "abc", "contest_date": f"2023-0{1 + number % 9}-15T00:00:00",
        "starter_code": "", "difficulty": "easy", "public_test_cases": json.dumps(public),
        "private_test_cases": packed(private), "metadata": "{}", **changes,
    }  # fmt: skip


FUNCTIONAL = {
    "starter_code": "class Solution:\n    def add(self, a: int, b: int) -> int:\n        ",
    "public_test_cases": json.dumps([{"input": "1\n2", "output": "3", "testtype": "functional"}]),
    "private_test_cases": json.dumps([{"input": "4\n5", "output": "9", "testtype": "functional"}]),
    "metadata": json.dumps({"func_name": "add"}),
}


def write_release(folder: Path, rows: list[dict]) -> Settings:
    """release_v1 holding `rows`."""
    folder.mkdir(exist_ok=True)
    path = folder / "test.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return Settings(release="release_v1", sha256={"test.jsonl": sha256(path)}, folder=str(folder))


def test_stdin_tests_public_and_private_in_this_order():
    line = line_of(row(7))
    assert line["id"] == "abc7" and line["level"] == 1 and "entry_point" not in line
    assert [(test["input"], test["output"], test["testtype"]) for test in line["tests"]] == [
        ("1 2\n", "3\n", "stdin"), ("4 5\n", "9\n", "stdin"),
    ]  # fmt: skip
    assert "Add two numbers." in line["problem"] and "Read the inputs from stdin" in line["problem"]


def test_functional_tests_name_their_function():
    line = line_of(row(7, **FUNCTIONAL))
    assert line["entry_point"] == "add" and line["tests"][1]["input"] == "4\n5"
    assert "class Solution" in line["problem"] and "starter code" in line["problem"]


class Attack:
    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_would_run_something_is_refused(tmp_path, protocol):
    attack = pickle.dumps(Attack(tmp_path / "owned"), protocol=protocol)
    with pytest.raises(ValueError, match="asks for posix.mkdir"):
        private_tests(base64.b64encode(zlib.compress(attack)).decode())
    assert not (tmp_path / "owned").exists()
    pickle.loads(attack)  # the attack is real
    assert (tmp_path / "owned").is_dir()


def test_what_unpacks_to_more_than_a_problem_has_is_refused(monkeypatch):
    packed = zlib.compress(pickle.dumps(json.dumps([{"input": "1" * 5000, "output": "1"}])))
    stored = base64.b64encode(packed).decode()
    assert len(packed) < 200 and private_tests(stored)[0]["output"] == "1"
    monkeypatch.setattr(livecodebench, "MOST_BYTES", 5000)
    with pytest.raises(ValueError, match="unpack to more than 5000 bytes"):
        private_tests(stored)


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (base64.b64encode(zlib.compress(pickle.dumps(["no text"]))).decode(), "hold a list, not a text"),
        (base64.b64encode(zlib.compress(b"no pickle")).decode(), "not a packed text"),
        (base64.b64encode(zlib.compress(b"")).decode(), "not a packed text"),
        (base64.b64encode(b"not compressed").decode(), "not a packed text"),
        ("§", "not a packed text|ASCII"),
    ],
)
def test_what_is_not_packed_so_is_an_error(stored, message):
    with pytest.raises(ValueError, match=message):
        private_tests(stored)


@pytest.mark.parametrize(
    "changes",
    [
        {"metadata": json.dumps({"func_name": "add"})},  # a function's name with stdin tests
        {**FUNCTIONAL, "metadata": "{}"},
        {"private_test_cases": FUNCTIONAL["private_test_cases"]},  # two kinds of tests
        {"difficulty": "extreme"},
        {"public_test_cases": "[]", "private_test_cases": "[]"},
    ],
)
def test_a_row_that_contradicts_itself_is_named(tmp_path, changes):
    settings = write_release(tmp_path / "lcb", [row(0), row(1, **changes)])
    with pytest.raises(InputError, match="livecodebench: test.jsonl row 2 is malformed"):
        load(settings)


def test_a_malicious_row_ends_preparation_and_runs_nothing(tmp_path):
    attack = base64.b64encode(zlib.compress(pickle.dumps(Attack(tmp_path / "owned")))).decode()
    settings = write_release(tmp_path / "lcb", [row(0, private_test_cases=attack)])
    with pytest.raises(InputError, match="row 1 is malformed .*asks for posix.mkdir"):
        load(settings)
    assert not (tmp_path / "owned").exists()


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """As many problems as release_v1 has."""
    folder = tmp_path_factory.mktemp("release") / "lcb"
    rows = [row(number, **(FUNCTIONAL if number % 4 == 0 else {})) for number in range(livecodebench.PROBLEMS[0])]
    return write_release(folder, rows)


def prepared(settings: Settings, folder: Path, mirror: Path | None = None) -> Path:
    given = {"livecodebench": settings.model_dump(mode="json")}
    prepare(prepare_plan(benchmarks=["livecodebench"], benchmark_settings=given), folder, mirror, {})
    return folder


def test_the_release_is_prepared_within_its_window(release, tmp_path):
    window = {**release.model_dump(), "first_date": "2023-02-15", "last_date": "2023-04-15"}
    folder = prepared(Settings.model_validate(window), tmp_path / "data")
    lines = list(read_jsonl(folder / "eval/livecodebench.jsonl"))
    expected = [number for number in range(400) if 1 <= number % 9 <= 3]  # months 2, 3 and 4; both ends included
    assert [line["id"] for line in lines] == [f"abc{number}" for number in expected]
    entry = read_json(folder / "manifest.json")["eval/livecodebench.jsonl"]
    assert (entry["rows_in"], entry["rows_out"]) == (400, len(expected))
    assert entry["dropped"] == {"outside the window of dates": 400 - len(expected)}
    assert entry["source_sha256"] == release.sha256 and str(tmp_path) not in json.dumps(entry)


def test_a_mirror_holds_the_files_under_their_checksums(release, tmp_path):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    settings = release.model_copy(update={"folder": ""})
    with pytest.raises(InputError, match="test.jsonl is not in the mirror"):
        prepared(settings, tmp_path / "data", mirror)
    (mirror / release.sha256["test.jsonl"]).write_bytes((Path(release.folder) / "test.jsonl").read_bytes())
    folder = prepared(settings, tmp_path / "data", mirror)
    assert len(list(read_jsonl(folder / "eval/livecodebench.jsonl"))) == 400


def test_another_file_a_torn_one_and_a_short_one_are_refused(release, tmp_path):
    other = release.model_copy(update={"sha256": {"test.jsonl": "0" * 64}})
    with pytest.raises(InputError, match="wrong checksum, test.jsonl"):
        load(other)
    with pytest.raises(InputError, match="release_v1 has 2 problems, not 400"):
        load(write_release(tmp_path / "short", [row(0), row(1)]))
    torn = tmp_path / "torn"
    settings = write_release(torn, [row(0)])
    (torn / "test.jsonl").write_text(json.dumps(row(0))[:50])
    with pytest.raises(InputError, match="row 1 is torn"):
        load(settings.model_copy(update={"sha256": {"test.jsonl": sha256(torn / "test.jsonl")}}))
    with pytest.raises(InputError, match="no problem lies within"):
        load(Settings.model_validate({**release.model_dump(), "first_date": "2030-01-01"}))


def test_settings_say_what_is_missing():
    for settings, message in (
        ({"release": "release_v2", "sha256": {"test.jsonl": "0" * 64}}, "test2.jsonl missing; run sha256sum"),
        ({"release": "release_v7", "sha256": {}}, "release_v1"),
        (
            {
                "release": "release_v1",
                "sha256": {"test.jsonl": ""},
                "first_date": "2024-02-01",
                "last_date": "2024-01-01",
            },
            "last_date: 2024-01-01 is before",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            Settings.model_validate(settings)
