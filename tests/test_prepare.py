"""What prepare writes: the laboratory's problems, and every real source if a mirror of the pinned files is at hand."""

import gzip
import hashlib
import json
import os
import random
import re
from pathlib import Path

import pyarrow.parquet
import pytest

from stages.boxes import last_box
from stages.datasets import fetch as fetching
from stages.datasets.fetch import Source, fetch, load_sources
from stages.datasets.readers import READERS, clean, read
from stages.files import InputError, read_json, read_jsonl, sha256
from stages.lab import problems as lab
from stages.prepare import prepare
from stages.rewards import judge

ROOT = Path(__file__).resolve().parents[1]
MIRROR = Path(os.environ.get("MIRROR") or ROOT.parent / "shared" / "mirror")
with_mirror = pytest.mark.skipif(not MIRROR.is_dir(), reason="no mirror of the pinned files: set MIRROR to its folder")

LAB = {"families": ["sum", "code"], "train_per_level": 30, "test_per_level": 6}
SMOKE = {"training": ["lab"], "benchmarks": ["lab_sum", "lab_chain", "lab_code"], "prompt": "plain", "lab": LAB}
# source -> (problems, rows dropped by reason)
EXPECTED = {
    "dapo_math_17k": (16903, {"conflicting golds": 30, "duplicate": 983, "no question": 1}),
    "math_train_7500": (7496, {"duplicate": 2, "empty gold": 2}),
    "math_test_5000": (5000, {}),
    "math500": (500, {}),
    "aime24": (30, {"duplicate": 930}),
    "aime25": (30, {}),
    "amc23_40": (40, {}),
    "amc_83": (83, {}),
    "minerva_math": (272, {}),
    "olympiadbench_675": (675, {}),
    "gsm8k_train": (7473, {}),
    "gsm8k_test": (1319, {}),
    "humaneval": (164, {}),
}


def train_rows(folder, name="lab"):
    return pyarrow.parquet.read_table(folder / "train" / f"{name}.parquet").to_pylist()


def eval_rows(folder, name):
    return list(read_jsonl(folder / "eval" / f"{name}.jsonl"))


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smoke") / "data"
    prepare(SMOKE, 7, folder)
    return folder


# The laboratory


def test_same_seed_gives_the_same_bytes_and_another_seed_other_problems(smoke, tmp_path):
    prepare(SMOKE, 7, tmp_path / "again")
    prepare(SMOKE, 8, tmp_path / "other")
    assert sha256(smoke) == sha256(tmp_path / "again")
    for name in ("train/lab.parquet", "eval/lab_sum.jsonl", "eval/lab_chain.jsonl", "eval/lab_code.jsonl"):
        assert sha256(smoke / name) != sha256(tmp_path / "other" / name)


def test_no_training_problem_is_evaluated_under_any_seed(smoke, tmp_path):
    prepare({**SMOKE, "lab": {**LAB, "families": ["sum", "chain", "code"]}}, 8, tmp_path / "other")
    trained = {row["prompt"][0]["content"] for folder in (smoke, tmp_path / "other") for row in train_rows(folder)}
    for name in SMOKE["benchmarks"]:
        evaluated = {line["problem"] for folder in (smoke, tmp_path / "other") for line in eval_rows(folder, name)}
        assert evaluated and not evaluated & trained


def test_training_rows_are_verls(smoke):
    rows = train_rows(smoke)
    assert len(rows) == 2 * 3 * 30
    assert {row["data_source"] for row in rows} == {"lab_sum", "lab_code"}
    assert {row["extra_info"]["level"] for row in rows} == {1, 2, 3}
    assert [row["extra_info"]["index"] for row in rows] == list(range(len(rows)))
    assert rows[12]["extra_info"]["id"] == "lab-0012"
    for row in rows:
        assert [message["role"] for message in row["prompt"]] == ["user"]
        assert row["ability"] == row["data_source"].replace("lab_sum", "math").replace("lab_code", "code")
        assert row["reward_model"]["style"] == "rule"


def test_prompt_template_is_applied_to_training_and_left_to_sampling_in_evaluation(tmp_path):
    prepare({**SMOKE, "prompt": "boxed"}, 7, tmp_path / "data")
    assert all("\\boxed{}" in row["prompt"][0]["content"] for row in train_rows(tmp_path / "data"))
    assert not any("boxed" in line["problem"] for line in eval_rows(tmp_path / "data", "lab_sum"))


def recomputed(problem):
    """A problem's answer from its text alone, written independently of the generator."""
    first, *words = problem.split()
    if first in lab.TEMPLATES["sum"]:
        return str(sum(map(int, words)))
    starts = [int(words.pop(0))] if first in lab.TEMPLATES["chain"] else lab.CODE_POINTS
    values = []
    for value in starts:
        for word, operand in re.findall(r"(add|minus|double) ?(\d*)", " ".join(words)):
            value += value if word == "double" else int(operand) if word == "add" else -int(operand)
        values.append(str(value))
    return " ".join(values)


def test_answers_are_right(smoke):
    for row in train_rows(smoke):
        assert row["reward_model"]["ground_truth"] == recomputed(row["prompt"][0]["content"])
    for name in SMOKE["benchmarks"]:
        for line in eval_rows(smoke, name):
            assert line["answer"] == recomputed(line["problem"])


def test_code_tests_pass_the_right_function_and_fail_a_wrong_one(smoke):
    for line in eval_rows(smoke, "lab_code"):
        values = dict(zip(lab.CODE_POINTS, map(int, line["answer"].split()), strict=True))
        assert line["entry_point"] == "solution"
        exec(line["tests"], {"solution": values.get})
        with pytest.raises(AssertionError):
            exec(line["tests"], {"solution": lambda x: values[x] + (x == 11)})


@pytest.mark.parametrize("family", lab.FAMILIES)
def test_every_style_ends_in_a_box_and_without_slips_in_the_right_answer(family, monkeypatch):
    for problem in lab.generate_set(f"styles of {family}", (family,), 20, held_out=False):
        for style in lab.STYLES[family]:
            written = lab.write_solution(random.Random(problem.prompt), problem, style)
            assert written.startswith(f" {style}:") and last_box(written)
            assert isinstance(judge(f"lab_{family}", written, problem.answer).correct, bool)
    for constant in ("SLIP_STRONG", "SLIP_WEAK", "SLIP_FAST"):
        monkeypatch.setattr(lab, constant, 0.0)
    for problem in lab.generate_set(f"styles of {family}", (family,), 20, held_out=False):
        for style in lab.STYLES[family]:
            written = lab.write_solution(random.Random(problem.prompt), problem, style)
            assert judge(f"lab_{family}", written, problem.answer).correct, (problem.prompt, written)


def test_too_many_problems_and_unknown_names_are_explained(tmp_path):
    for change, message in (
        ({"lab": {**LAB, "test_per_level": 5000}}, "data.lab.test_per_level: .*lower it"),
        ({"training": ["dapo"]}, "training: 'dapo' is no data set; known are lab, dapo_math_17k"),
        ({"benchmarks": ["lab_sums"]}, "benchmarks: 'lab_sums' is no data set; known are lab_sum"),
    ):
        with pytest.raises(InputError, match=message):
            prepare({**SMOKE, **change}, 7, tmp_path / "data")
    assert list(tmp_path.iterdir()) == []


# Fetching


def pinned(content, path="data.jsonl", **more):
    fields = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "rows": 2, "reader": "aime25"}
    fields |= more
    return Source(
        name="tiny", repo="owner/name", commit="0" * 40, path=path, licence="MIT", redistribution="yes", **fields
    )


CONTENT = b'{"problem": "1+1", "answer": "2"}\n{"problem": "1+2", "answer": "033"}\n'
SETTINGS = {"training": ["tiny"], "benchmarks": ["tiny"], "prompt": "plain", "lab": None}


def mirror_of(folder, source, content):
    folder.mkdir(exist_ok=True)
    (folder / source.sha256).write_bytes(content)
    return folder


def assert_refused(tmp_path, source, mirror, message):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=message) as caught:
        prepare(SETTINGS, 1, tmp_path / "data", mirror, {"tiny": source})
    assert "tiny" in str(caught.value) and "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_prepared_from_a_mirror_with_a_manifest(tmp_path):
    source = pinned(CONTENT)
    prepare(SETTINGS, 1, tmp_path / "data", mirror_of(tmp_path / "mirror", source, CONTENT), {"tiny": source})
    assert eval_rows(tmp_path / "data", "tiny") == [
        {"id": "tiny-0000", "problem": "1+1", "answer": "2", "source": "tiny"},
        {"id": "tiny-0001", "problem": "1+2", "answer": "33", "source": "tiny"},
    ]
    manifest = read_json(tmp_path / "data" / "manifest.json")
    assert list(manifest) == ["eval/tiny.jsonl", "train/tiny.parquet"]
    for name, entry in manifest.items():
        assert entry["sha256"] == sha256(tmp_path / "data" / name)
        assert entry["source_sha256"] == source.sha256
        assert (entry["rows_in"], entry["rows_out"]) == (2, 2)
        assert entry["mended"] == {"gold not a plain integer": 1}
        assert entry["licence"] == "MIT"
    assert str(tmp_path) not in json.dumps(manifest)


def test_wrong_checksum_in_the_mirror_writes_nothing(tmp_path):
    source = pinned(CONTENT)
    mirror = mirror_of(tmp_path / "mirror", source, CONTENT + b" ")
    assert_refused(tmp_path, source, mirror, "wrong checksum.*replace it in MIRROR")


def test_file_missing_from_the_mirror_writes_nothing(tmp_path):
    assert_refused(tmp_path, pinned(CONTENT), tmp_path / "nowhere", "MIRROR has no file [0-9a-f]{64}; put https://")


@pytest.mark.parametrize(
    ("content", "path", "message"),
    [
        (CONTENT[:-12], "data.jsonl", "row 2 is torn"),
        (CONTENT.replace(b'"answer": "2"', b'"result": "2"'), "data.jsonl", "row 1 is torn or of another kind.*answer"),
        (CONTENT.replace(b'"033"', b"33"), "data.jsonl", "row 2 is torn or of another kind"),
        (CONTENT.replace(b'"2"', b'"two"'), "data.jsonl", "row 1 is torn or of another kind"),
        (CONTENT + CONTENT, "data.jsonl", "4 rows, not 2"),
        (gzip.compress(CONTENT)[:-20], "data.jsonl.gz", "the file is torn"),
        (CONTENT, "data.parquet", "the file is torn"),
    ],
)
def test_torn_file_writes_nothing(tmp_path, content, path, message):
    source = pinned(content, path)
    assert_refused(tmp_path, source, mirror_of(tmp_path / "mirror", source, content), message)


def test_error_leaves_an_earlier_output_as_it_was(tmp_path):
    source = pinned(CONTENT)
    prepare(SETTINGS, 1, tmp_path / "data", mirror_of(tmp_path / "mirror", source, CONTENT), {"tiny": source})
    assert_refused(tmp_path, source, tmp_path / "nowhere", "MIRROR has no file")


def test_fetched_once_then_taken_from_the_cache(tmp_path, monkeypatch):
    source, served = pinned(CONTENT), tmp_path / "served"
    served.write_bytes(CONTENT)
    monkeypatch.setattr(fetching, "ADDRESS", served.as_uri())
    assert fetch(source, cache=tmp_path / "cache") == CONTENT
    served.unlink()
    assert fetch(source, cache=tmp_path / "cache") == CONTENT
    (tmp_path / "cache" / source.sha256).write_bytes(b"damaged")
    with pytest.raises(InputError, match="source tiny: wrong checksum.*delete"):
        fetch(source, cache=tmp_path / "cache")


def test_no_network_or_another_file_at_the_address_keeps_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "ADDRESS", (tmp_path / "served").as_uri())
    with pytest.raises(InputError, match="source tiny: cannot fetch file:.*set MIRROR"):
        fetch(pinned(CONTENT), cache=tmp_path / "cache")
    (tmp_path / "served").write_bytes(CONTENT + b"\n")
    with pytest.raises(InputError, match="source tiny: wrong checksum"):
        fetch(pinned(CONTENT), cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_address_is_pinned_by_commit():
    source = load_sources(ROOT / "data" / "sources.yaml")["aime25"]
    assert source.address.startswith(f"https://raw.githubusercontent.com/{source.repo}/{source.commit}/")


def test_table_names_existing_readers_and_asserts_no_unchecked_licence():
    for source in load_sources(ROOT / "data" / "sources.yaml").values():
        assert source.reader in READERS
        assert "from memory" not in source.licence + source.redistribution
    with pytest.raises(InputError, match="absent.yaml is missing"):
        load_sources(Path("absent.yaml"))


def test_wrong_field_of_the_table_is_named(tmp_path):
    for content, message in (
        ("tiny: {sha256: abc}\n", "sources.yaml: tiny.sha256: "),
        ("tiny: {sha: abc}\n", "sources.yaml: tiny.sha256: field required"),
        ("tiny\n", "sources.yaml: every entry must be a name with fields"),
        ("{", "sources.yaml is not YAML"),
    ):
        (tmp_path / "sources.yaml").write_text(content)
        with pytest.raises(InputError, match=message):
            load_sources(tmp_path / "sources.yaml")


# Cleaning


def test_defects_are_dropped_by_reason():
    def row(problem, answer):
        return {"id": 0, "problem": problem, "answer": answer}

    cleaned = clean(
        [
            row("What is  1+1?", "2"),
            row("what is 1+1?", "2"),
            row("What is 2+2?", "4"),
            row("What is 2 + 2?", "5"),
            row("A third?", "\\frac13"),
            row("a third?", "\\dfrac{1}{3}"),
            row("Nothing?", ""),
            row("$\\frac{2020}{6063}$", "8083"),
            row("Of $x^k$ with $k<0$?", "a"),
            row("Of $x^k$ with $k>0$?", "b"),
        ]
    )
    assert [r["answer"] for r in cleaned.rows] == ["2", "\\frac13", "a", "b"]
    assert cleaned.dropped == {"duplicate": 2, "conflicting golds": 2, "empty gold": 1, "no question": 1}


def test_math_answer_is_the_last_box_of_the_solution():
    def answer(solution):
        gold = {"ground_truth": {"solution": solution}}
        return READERS["math"]({"level": "Level 3", "prompt": [{"content": "?"}], "reward_model": gold})["answer"]

    assert answer(r"First \boxed{1}, then $\boxed{\frac{1}{2}}$.") == r"\frac{1}{2}"
    assert answer(r"So $x = \boxed 9$.") == "9"
    assert answer(r"There are $\boxed{}$ primes.") == ""


# The pinned files


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real") / "data"
    training = ["dapo_math_17k", "math_train_7500", "gsm8k_train"]
    settings = {"training": training, "benchmarks": [n for n in EXPECTED if n not in training], "prompt": "boxed"}
    prepare({**settings, "lab": None}, 1, folder, MIRROR, load_sources(ROOT / "data" / "sources.yaml"))
    return folder


def test_every_source_of_the_table_is_expected_here():
    assert set(load_sources(ROOT / "data" / "sources.yaml")) == set(EXPECTED)


@with_mirror
@pytest.mark.parametrize("name", EXPECTED)
def test_rows_of_each_source(real, name):
    manifest = read_json(real / "manifest.json")
    (entry,) = [entry for entry in manifest.values() if entry["source"] == name]
    assert (entry["rows_out"], entry["dropped"]) == EXPECTED[name]
    assert entry["rows_in"] == entry["rows_out"] + sum(entry["dropped"].values())


@with_mirror
def test_every_evaluation_line_has_its_keys_and_a_stable_id(real):
    for path in sorted((real / "eval").glob("*.jsonl")):
        lines = list(read_jsonl(path))
        for line in lines:
            assert line["problem"].strip() and line["answer"].strip() and line["source"] == path.stem
        assert len({line["id"] for line in lines}) == len(lines)
    assert eval_rows(real, "humaneval")[0]["id"] == "HumanEval/0"
    assert eval_rows(real, "aime25")[29]["id"] == "aime25-0029"
    assert {line["level"] for line in eval_rows(real, "math500")} == {1, 2, 3, 4, 5}


@with_mirror
def test_no_problem_of_dapo_stands_twice_or_carries_another_prompt(real):
    rows = train_rows(real, "dapo_math_17k")
    problems = ["".join(row["prompt"][0]["content"].split()).lower() for row in rows]
    assert len(set(problems)) == len(problems)
    assert not any("final_answer" in problem for problem in problems)
    assert all(re.fullmatch(r"-?\d+", row["reward_model"]["ground_truth"]) for row in rows)


@with_mirror
def test_golds_of_competitions_are_plain_integers(real):
    for name in ("aime24", "aime25", "amc23_40", "amc_83"):
        for line in eval_rows(real, name):
            assert line["answer"] == str(int(line["answer"]))


@with_mirror
def test_humaneval_solutions_pass_their_own_tests(real):
    for line in eval_rows(real, "humaneval")[:20]:
        exec(line["prompt"] + line["answer"] + "\n" + line["tests"], {})


@with_mirror
def test_the_larger_amc_contains_the_smaller(real):
    smaller, larger = ({line["problem"] for line in eval_rows(real, name)} for name in ("amc23_40", "amc_83"))
    assert len(smaller & larger) == 40


@with_mirror
def test_code_cannot_be_trained_on(tmp_path):
    settings = {"training": ["humaneval"], "benchmarks": [], "prompt": "plain", "lab": None}
    with pytest.raises(InputError, match="data.training: humaneval is judged by running code"):
        prepare(settings, 1, tmp_path / "data", MIRROR, load_sources(ROOT / "data" / "sources.yaml"))
    assert not (tmp_path / "data").exists()


@with_mirror
def test_a_wrong_reader_is_a_clear_error():
    source = load_sources(ROOT / "data" / "sources.yaml")["aime25"].model_copy(update={"reader": "math"})
    with pytest.raises(InputError, match="source aime25: row 1 is torn or of another kind"):
        read(source, fetch(source, MIRROR))
