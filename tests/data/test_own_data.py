"""A user's own file is a training set or a benchmark by a few lines in the profile."""

import json

import pyarrow
import pyarrow.parquet
import pytest

from stages import resolve
from stages.artifacts.manifest import read_manifest
from stages.common.files import InputError, read_jsonl
from stages.datasets.own import read_own
from stages.prepare import prepare
from stages.profile.params import load
from stages.profile.resolution import plans
from tests.project import ROOT

TRAINED_ON = [
    {"problem": "Compute the sum of all primes below twenty, and write it.", "answer": "77", "level": 2},
    {"problem": "How many subsets does a set with exactly eleven elements have?", "answer": "2048"},
    {"problem": "How many subsets does a set with exactly eleven elements have?", "answer": "2048"},
    {"problem": "Find the remainder of seven to the power of one hundred on division by five.", "answer": "1"},
]
ASKED = [{"id": "q1", "problem": TRAINED_ON[3]["problem"], "answer": "1", "source": "an exam of ours"}]
PROFILE = """\
  own:
    own_algebra: {file: algebra.parquet, licence: CC BY 4.0}
    own_exam: {file: exam.jsonl, licence: unpublished, k: 3, grader: exact_box, prompt: boxed}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The project with two files of one's own, and a profile that names them."""
    for name in ("data", "locks", "stages", "profiles"):
        (tmp_path / name).symlink_to(ROOT / name)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(TRAINED_ON), tmp_path / "algebra.parquet")
    write(tmp_path, ASKED)
    text = (ROOT / "profiles/smoke.yaml").read_text().replace("training: [lab]", "training: [lab, own_algebra]")
    text = text.replace("dataset: lab", "dataset: own_algebra").replace("  lab:\n", f"{PROFILE}  lab:\n", 1)
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder, rows):
    (folder / "exam.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def edit(folder, old, new):
    text = (folder / "params.yaml").read_text()
    assert old in text
    (folder / "params.yaml").write_text(text.replace(old, new, 1))


def test_own_files_are_prepared_cleaned_and_decontaminated(here):
    written = plans(load(here / "params.yaml"))
    prepare(written["prepare"], here / "out")
    manifest = read_manifest(here / "out/manifest.json")
    trained = manifest["train/own_algebra.parquet"]
    assert (trained.rows_in, trained.rows_out, trained.licence) == (4, 2, "CC BY 4.0")
    assert trained.dropped == {"duplicate": 1, "stands in an evaluation set": 1}
    assert set(trained.found) == {"own_exam"} and trained.variant == "decontaminated"
    rows = pyarrow.parquet.read_table(here / "out/train/own_algebra.parquet").to_pylist()
    assert [row["reward_model"]["ground_truth"] for row in rows] == ["77", "2048"]
    assert rows[0]["extra_info"]["level"] == 2
    (problem,) = read_jsonl(here / "out/eval/own_exam.jsonl")
    assert problem["problem"] == ASKED[0]["problem"] and problem["id"] == "q1"
    sample, grade = written["sample"], written["grade"]
    assert sample.samples["own_exam"] == 3 and sample.prompts["own_exam"] == "boxed"
    assert grade.graders["own_exam"] == "exact_box" and {"lab_sum", "own_exam"} <= set(grade.samples)
    assert written["report"].benchmarks["own_exam"] == 3
    assert str(here) not in (here / "out/manifest.json").read_text()


def test_a_changed_file_is_another_plan_and_an_old_plan_refuses_it(here):
    before = plans(load(here / "params.yaml"))
    write(here, [{**ASKED[0], "answer": "2"}])
    after = plans(load(here / "params.yaml"))
    assert {name for name in before if before[name] != after[name]} == {"prepare"}
    with pytest.raises(InputError, match=r"data\.own\.own_exam\.sha256: exam\.jsonl has .*restore"):
        prepare(before["prepare"], here / "out")
    assert not (here / "out").exists()


def test_a_changed_file_is_named_before_the_pipeline_runs(here):
    resolve.main(["smoke"])
    params = load(here / "params.yaml")
    resolve.check_own_files(params)
    write(here, [{**ASKED[0], "answer": "2"}])
    with pytest.raises(InputError, match=r"data\.own\.own_exam\.file: exam\.jsonl has changed .* resolve@smoke"):
        resolve.check_own_files(params)
    resolve.main(["smoke"])
    resolve.check_own_files(params)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("exam.jsonl", "exam.csv", ["data.own.own_exam.file", "exam.csv", ".jsonl"]),
        ("exam.jsonl", "exams.jsonl", ["data.own.own_exam.file", "exams.jsonl", "missing"]),
        ("exam.jsonl", "/exam.jsonl", ["data.own.own_exam.file", "slash"]),
        ("own_exam:", "exam:", ["data.own.exam", "own_"]),
        ("k: 3, ", "", ["data.own.own_exam.k", "give k"]),
        ("licence: unpublished, k: 3, grader: exact_box, prompt: boxed", "licence: unpublished", ["data.own.own_exam", "neither"]),
        ("licence: unpublished, ", "", ["data.own.own_exam.licence", "missing"]),
        ("licence: CC BY 4.0", "licence: CC BY 4.0, k: 2", ["data.own.own_algebra", "both"]),
        ("grader: exact_box", "grader: sandbox", ["data.own.own_exam.grader", "sandbox", "math_verify"]),
        ("grader: exact_box", "grader: ifeval_loose", ["data.own.own_exam.grader", "ifeval_loose", "math_verify"]),
        ("grader: exact_box", "grader: sympy", ["data.own.own_exam.grader", "sympy", "math_verify"]),
        ("prompt: boxed}", "prompt: bxed}", ["data.own.own_exam.prompt", "bxed", "boxed"]),
        ("k: 3", f"k: 3, sha256: {'f' * 64}", ["data.own.own_exam.sha256", "restore the file"]),
        ("concurrency: 32", "concurrency: 32\n  samples: {own_exma: 3}", ["data.own.own_exma", "declare"]),
    ],
)  # fmt: skip
def test_wrong_entries(here, old, new, said):
    edit(here, old, new)
    with pytest.raises(InputError) as raised:
        plans(load(here / "params.yaml"))
    assert all(part in str(raised.value) for part in said) and "\n" not in str(raised.value), raised.value


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no row"),
        (b'{"problem": "1 + 1"}\n', "row 1: answer is missing; its fields are problem"),
        (b'{"problem": "1 + 1", "answer": 2}\n', "row 1: answer is 2; write a text"),
        (b'{"problem": " ", "answer": "2"}\n', "row 1: problem is ' '"),
        (b'{"problem": "1 + 1", "answer": "2", "level": "hard"}\n', "row 1: level is 'hard'"),
        (b'{"problem": "1 + 1", "answ', "row 1 is not whole JSON"),
        (b'["1 + 1", "2"]\n', "row 1 is no mapping"),
        ('{"problem": "schön", "answer": "2"}\n'.encode("latin-1"), "is not UTF-8"),
        (b'{"id": "a", "problem": "1", "answer": "2"}\n' * 2, "row 2: id 'a' is that of row 1"),
    ],
)
def test_wrong_rows(tmp_path, monkeypatch, content, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exam.jsonl").write_bytes(content)
    with pytest.raises(InputError, match="data.own.own_exam.file: exam.jsonl") as raised:
        read_own("own_exam", "exam.jsonl")
    assert said in str(raised.value)
