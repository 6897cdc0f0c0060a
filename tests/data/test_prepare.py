"""What prepare writes of the laboratory's problems."""

import random
import re

import pyarrow.parquet
import pytest

from stages.backend.reward import score_response
from stages.common.files import InputError, read_jsonl, sha256
from stages.lab import problems as lab
from stages.prepare import prepare
from stages.text.boxed import last_boxed_answer
from tests.plans import prepare_plan

LAB = {"families": ["sum", "code"], "train_per_level": 30, "test_per_level": 6}
SMOKE = {
    "training": ["lab"],
    "benchmarks": ["lab_sum", "lab_chain", "lab_code"],
    "prompt": "plain",
    "variant": "decontaminated",
    "lab": LAB,
}


def train_rows(folder, name="lab"):
    return pyarrow.parquet.read_table(folder / "train" / f"{name}.parquet").to_pylist()


def eval_rows(folder, name):
    return list(read_jsonl(folder / "eval" / f"{name}.jsonl"))


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smoke") / "data"
    prepare(prepare_plan(7, **SMOKE), folder)
    return folder


# The laboratory


def test_same_seed_gives_the_same_bytes_and_another_seed_other_problems(smoke, tmp_path):
    prepare(prepare_plan(7, **SMOKE), tmp_path / "again")
    prepare(prepare_plan(8, **SMOKE), tmp_path / "other")
    assert sha256(smoke) == sha256(tmp_path / "again")
    for name in ("train/lab.parquet", "eval/lab_sum.jsonl", "eval/lab_chain.jsonl", "eval/lab_code.jsonl"):
        assert sha256(smoke / name) != sha256(tmp_path / "other" / name)


def test_no_training_problem_is_evaluated_under_any_seed(smoke, tmp_path):
    prepare(prepare_plan(8, **SMOKE | {"lab": {**LAB, "families": ["sum", "chain", "code"]}}), tmp_path / "other")
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
    prepare(prepare_plan(7, **SMOKE | {"prompt": "boxed"}), tmp_path / "data")
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
            exec(line["tests"], {"solution": lambda x, values=values: values[x] + (x == 11)})


@pytest.mark.parametrize("family", lab.FAMILIES)
def test_every_style_ends_in_a_boxed_answer_and_without_slips_in_the_right_answer(family, monkeypatch):
    for problem in lab.generate_set(f"styles of {family}", (family,), 20, held_out=False):
        for style in lab.STYLES[family]:
            written = lab.write_solution(random.Random(problem.prompt), problem, style)
            assert written.startswith(f" {style}:") and last_boxed_answer(written)
            assert isinstance(score_response("exact_box", f"lab_{family}", written, problem.answer).correct, bool)
    for constant in ("SLIP_STRONG", "SLIP_WEAK", "SLIP_FAST"):
        monkeypatch.setattr(lab, constant, 0.0)
    for problem in lab.generate_set(f"styles of {family}", (family,), 20, held_out=False):
        for style in lab.STYLES[family]:
            written = lab.write_solution(random.Random(problem.prompt), problem, style)
            assert score_response("exact_box", f"lab_{family}", written, problem.answer).correct, (
                problem.prompt,
                written,
            )


def test_without_a_training_set_there_is_still_the_folder_that_stages_depend_on(tmp_path):
    """DVC keeps no folder without a file."""
    prepare(prepare_plan(), tmp_path / "data")
    assert (tmp_path / "data/train/none").is_file() and not list((tmp_path / "data/train").glob("*.parquet"))


def test_too_many_problems_and_unknown_names_are_explained(tmp_path):
    for change, message in (
        ({"lab": {**LAB, "test_per_level": 5000}}, "data.lab.test_per_level: .*lower it"),
        ({"training": ["dapo"]}, "training: 'dapo' is no data set; known are lab, dapo_math_17k"),
        ({"benchmarks": ["lab_sums"]}, "benchmarks: 'lab_sums' is no data set; known are lab_sum"),
    ):
        with pytest.raises(InputError, match=message):
            prepare(prepare_plan(7, **SMOKE | change), tmp_path / "data")
    assert list(tmp_path.iterdir()) == []
