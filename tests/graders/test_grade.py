"""Stage grade: the table and the scores of a run, alternative graders, and that regrading samples nothing again."""

import hashlib
import json
import math

import pyarrow
import pyarrow.parquet
import pytest

from stages.common.files import InputError
from stages.profile.params import Params, load
from stages.profile.resolution import plans
from stages.text.diversity import distinct_n_grams
from tests.forks import evaluation
from tests.plans import grade_plan
from tests.project import ROOT


def write_run(folder, samples, grader="exact_box", alternatives=(), answers=("0", "1"), **more):
    results = folder / "results" / "toy"
    for path in ("plan", "data/eval", "samples/grpo-1"):
        (results / path).mkdir(parents=True, exist_ok=True)
    plan = grade_plan({"toy": 2}, {"toy": grader}, {"toy": list(alternatives)})
    (results / "plan/grade.json").write_text(plan.text())
    problems = [
        {"id": f"toy-{i}", "problem": "", "answer": answer, "source": "lab", **more} for i, answer in enumerate(answers)
    ]
    (results / "data/eval/toy.jsonl").write_text("".join(json.dumps(problem) + "\n" for problem in problems))
    (results / "samples/grpo-1/toy.jsonl").write_text("".join(json.dumps(sample) + "\n" for sample in samples))
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    result = evaluation().module("stages.grade", "toy", "grpo-1", folder=folder, environment=environment)
    return result, results / "grades" / "grpo-1"


def sample(problem, repeat, text, stop_reason="stop"):
    return {"id": f"toy-{problem}", "repeat": repeat, "seed": 1, "text": text, "tokens": 3, "stop_reason": stop_reason}


SAMPLES = [
    sample(0, 0, r"\boxed{0}"),
    sample(0, 1, r"\boxed{1}"),
    sample(1, 0, "", "length"),
    sample(1, 1, r"\boxed{1}"),
]


def test_scores_and_table(tmp_path):
    result, grades = write_run(tmp_path, SAMPLES[::-1], level=1)
    assert result.returncode == 0, result.stderr
    assert json.loads((grades / "scores.json").read_text()) == {
        "toy": {
            "status": "graded", "problems": 2, "k": 2, "rows": 4, "avg_at_k": 0.5, "pass_at_k": {"1": 0.5, "2": 1.0},
            "grader": "exact_box", "grader_version": "1", "truncated": 1, "no_answer": 1, "timeouts": 0, "errors": 0,
            "statuses": {"graded": 3, "no answer": 1}, "disagreement": {}, "alternatives": {},
            "diversity": {"answers_per_problem": 1.5, "self_bleu": 0.0, "answer_entropy": pytest.approx(math.log(2) / 2)},
            "calibration": {"expected_calibration_error": 0.5, "brier_score": 0.25},
            "reliability": [{"problems": 2, "confidence": 0.5, "right": 1.0}],
        }
    }  # fmt: skip
    table = pyarrow.parquet.read_table(grades / "toy.parquet")
    assert {name: str(table.schema.field(name).type) for name in table.schema.names} == {
        "id": "string", "repeat": "int16", "level": "int16", "tokens": "int32", "extracted": "string", "correct": "bool",
        "stop_reason": (text := "dictionary<values=string, indices=int32, ordered=0>"), "status": text,
    }  # fmt: skip
    rows = table.to_pylist()
    assert [(row["id"], row["repeat"]) for row in rows] == [(f"toy-{i}", j) for i in range(2) for j in range(2)]
    assert [row["correct"] for row in rows] == [True, False, False, True]
    assert rows[2] == {
        "id": "toy-1", "repeat": 0, "level": 1, "tokens": 3, "stop_reason": "length", "extracted": None,
        "correct": False, "status": "no answer",
    }  # fmt: skip


def test_the_table_has_no_text_and_the_same_bytes_every_time(tmp_path):
    digests = set()
    for name in ("one", "two"):
        result, grades = write_run(tmp_path / name, [sample(0, 0, r"\boxed{" + "7" * 500 + "}"), *SAMPLES[1:]])
        assert result.returncode == 0, result.stderr
        digests.add(hashlib.sha256((grades / "toy.parquet").read_bytes()).hexdigest())
    assert len(digests) == 1
    rows = pyarrow.parquet.read_table(grades / "toy.parquet").to_pylist()
    assert rows[0]["extracted"] == "7" * 200 and rows[0]["level"] is None and "text" not in rows[0]


@pytest.mark.parametrize("samples", [SAMPLES[:3], [*SAMPLES[:3], SAMPLES[0]], [*SAMPLES, SAMPLES[0]], []])
def test_grade_fails_unless_rows_are_problems_times_k(samples, tmp_path):
    result, grades = write_run(tmp_path, samples)
    assert result.returncode == 1 and "2 problems x 2" in result.stderr and len(result.stderr.splitlines()) == 1
    assert not grades.exists()


def test_graders_are_compared_on_the_same_samples(tmp_path):
    samples = [
        sample(0, 0, "\\boxed{7}\nAnswer: 033"),
        sample(0, 1, r"\boxed{33.0}"),
        sample(1, 0, r"\boxed{\frac12}" + "\nAnswer: 7"),
        sample(1, 1, r"\boxed{\frac{1}{2}}"),
    ]
    alternatives = ["math_dapo", "steer_box", "sandbox"]
    result, grades = write_run(tmp_path, samples, "math_verify", alternatives, answers=("033", r"\frac{1}{2}"))
    assert result.returncode == 0, result.stderr
    score = json.loads((grades / "scores.json").read_text())["toy"]
    assert score["disagreement"] == {
        "math_dapo": {"both_right": 1, "only_primary": 2, "only_alternative": 1, "both_wrong": 0},
        "steer_box": {"both_right": 1, "only_primary": 2, "only_alternative": 0, "both_wrong": 1},
    }
    assert score["alternatives"]["math_dapo"] == "the rule of verl 0.9.1"
    assert score["alternatives"]["sandbox"].startswith("not run: ")
    table = pyarrow.parquet.read_table(grades / "toy.parquet")
    assert table["correct"].to_pylist() == [False, True, True, True]
    assert table["correct_by_math_dapo"].to_pylist() == [True, False, False, True]
    assert table["correct_by_steer_box"].to_pylist() == [False, False, False, True]
    assert "correct_by_sandbox" not in table.schema.names


def test_a_hung_grader_counts_as_wrong_by_name(tmp_path):
    samples = [sample(0, 0, r"\boxed{9^{9^{9^9}}}"), *SAMPLES[1:]]
    result, grades = write_run(tmp_path, samples, "math_verify")
    assert result.returncode == 0, result.stderr
    score = json.loads((grades / "scores.json").read_text())["toy"]
    assert score["statuses"] == {"graded": 2, "no answer": 1, "timeout": 1}
    assert (score["rows"], score["timeouts"], score["avg_at_k"]) == (4, 1, 0.25)


def test_diversity_of_responses():
    assert distinct_n_grams(["a b c d e", "f g h i j"]) == 1.0
    # 1-grams 5/10, and likewise each length: everything twice
    assert distinct_n_grams(["a b c d e", "a b c d e"]) == pytest.approx(0.5**5)
    # 1-grams 1/6, 2-grams 1/5, 3-grams 1/4, 4-grams 1/3, 5-grams 1/2
    assert distinct_n_grams(["a a a a a a"]) == pytest.approx(1 / 720)
    assert distinct_n_grams(["a b c d", "a"]) is None
    assert distinct_n_grams(["a b c d e", ""]) == 1.0


def with_evaluation(**changes) -> Params:
    params = load(ROOT / "params.yaml")
    return Params.model_validate({**params.model_dump(), "evaluation": {**params.evaluation.model_dump(), **changes}})


def test_another_grader_regrades_and_reports_and_samples_nothing():
    before = plans(load(ROOT / "params.yaml"))
    after = plans(with_evaluation(also_graded_by={"lab_sum": ["math_dapo", "exact_box"]}))
    assert {name for name in before if before[name] != after[name]} == {"grade"}
    assert after["grade"].alternatives == {"lab_sum": ["math_dapo", "exact_box"]}


@pytest.mark.parametrize(
    "wrong", [{"lab_sum": ["math_dappo"]}, {"lab_sun": ["math_dapo"]}, {"lab_sum": ["math_verify"]},
              {"lab_sum": ["math_dapo", "math_dapo"]}],
)  # fmt: skip
def test_a_wrong_alternative_is_named(wrong, tmp_path):
    text = (ROOT / "params.yaml").read_text().rstrip() + f"\n  also_graded_by: {json.dumps(wrong)}\n"
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(InputError, match="evaluation.also_graded_by"):
        load(tmp_path / "params.yaml")
