"""What stages hand each other: a wrong file is refused in one line that says what is wrong and which stage mends it."""

import json

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from stages.artifacts.manifest import read_manifest
from stages.artifacts.records import SamplingRecord, TrainingRecord
from stages.artifacts.samples import read_samples
from stages.artifacts.steps import COLUMNS, last_step, line_of, read_steps
from stages.common.files import InputError, write_jsonl
from stages.common.validation import first_problem
from stages.profile.params import load
from stages.profile.plans.grade import GradePlan
from stages.profile.resolution import plans
from tests.project import ROOT

STEP = {name: 1 if name == "step" else 0.5 for name, column in COLUMNS.items() if column.always}
SAMPLE = {"id": "a", "repeat": 0, "seed": 1, "text": "four", "tokens": 2, "stop_reason": "stop"}


@pytest.mark.parametrize("name", ["train/kl_cov-1", "prepare", "model", "subset", "sample", "grade", "report"])
def test_a_plan_is_read_back_as_it_was_written(tmp_path, name):
    plan = plans(load(ROOT / "profiles/smoke.yaml"))[name]
    (tmp_path / "plan.json").write_text(plan.text())
    again = type(plan).read(tmp_path / "plan.json")
    assert again == plan and again.text() == plan.text()


def test_a_plan_of_other_code_is_refused_by_name(tmp_path):
    plan = json.loads(plans(load(ROOT / "profiles/smoke.yaml"))["grade"].text())
    path = tmp_path / "grade.json"
    with pytest.raises(InputError, match="grade.json is missing: run `dvc repro`"):
        GradePlan.read(path)
    for change, said in (
        ({"grader": {}}, "grader is no setting; known here are .*graders"),
        ({"samples": {"lab_sum": "8"}}, "samples.lab_sum: input should be a valid integer, not '8'"),
    ):
        path.write_text(json.dumps(plan | change))
        with pytest.raises(InputError, match=f"grade.json: {said}"):
            GradePlan.read(path)
    path.write_text(json.dumps({name: value for name, value in plan.items() if name != "graders"}))
    with pytest.raises(InputError, match=r"grade.json: graders is missing"):
        GradePlan.read(path)


def test_a_step_is_written_in_the_order_of_the_columns():
    line = line_of({"method_weight": 0.25, **dict(reversed(STEP.items())), "method_a": 1.0})
    assert list(line) == [*STEP, "method_a", "method_weight"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"entropi": 0.1}, "entropi is no column of steps.jsonl; a method's own begin with method_"),
        ({"entropy": float("nan")}, "entropy is nan, not a finite number"),
        ({"method_weight": float("inf")}, "method_weight is inf"),
        ({"reward": "0.5"}, "reward is 0.5, not a finite number"),
    ],
)
def test_a_wrong_step_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        line_of(STEP | change)


def test_a_missing_column_or_step_is_named(tmp_path):
    path = tmp_path / "steps.jsonl"
    with pytest.raises(ValueError, match="entropy is missing"):
        line_of({name: value for name, value in STEP.items() if name != "entropy"})
    write_jsonl(path, [STEP, STEP | {"step": 2, "entropy": None}])
    with pytest.raises(InputError, match="steps.jsonl line 2: entropy is None"):
        read_steps(path, 2)
    with pytest.raises(InputError, match="does not hold the steps 1 to 3"):
        read_steps(path, 3)


def test_the_last_step_of_a_log_that_is_being_written(tmp_path):
    path = tmp_path / "steps.jsonl"
    assert last_step(path) is None
    path.write_text('{"step": 1')
    assert last_step(path) is None
    path.write_text('{"step": 1}\n{"step": 2}\n{"st')
    assert last_step(path) == {"step": 2}


def test_records_samples_and_manifest_name_the_stage_to_run(tmp_path):
    record = SamplingRecord(packages={"vllm": "1"}, protocol="bench 0", model_sha256="00")
    record.write(tmp_path)
    assert SamplingRecord.read(tmp_path, "sample", "par-1") == record
    with pytest.raises(InputError, match=r"versions.json: .* is no setting.*: run stage train for par-1"):
        TrainingRecord.read(tmp_path, "train", "par-1")
    with pytest.raises(InputError, match="versions.json is missing: run stage train for par-1"):
        TrainingRecord.read(tmp_path / "none", "train", "par-1")
    write_jsonl(tmp_path / "a.jsonl", [SAMPLE, SAMPLE | {"stop_reason": "abort"}])
    with pytest.raises(InputError, match="a.jsonl line 2 is no sample .stop_reason: .*run stage sample"):
        list(read_samples(tmp_path / "a.jsonl"))
    with pytest.raises(InputError, match="manifest.json is missing: run stage prepare"):
        read_manifest(tmp_path / "manifest.json")


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int
    kind: str = ""
    place: int


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    parts: dict[str, Inner] = {}
    name: str


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"name": "a", "parts": {"x": {"sise": 1}}},
            "top.parts.x.sise is no setting; known here are size, kind, place",
        ),
        ({"parts": {"x": {}}}, "top.parts.x.size is missing, as is place; known here are size, kind, place"),
        ({"name": "a", "parts": {"x": {"place": 1}}}, "top.parts.x.size is missing; known here are size, kind, place"),
        ({"name": 3}, "top.name: input should be a valid string, not 3"),
    ],
)
def test_the_first_problem_is_the_one_to_mend_first(given, said):
    with pytest.raises(ValidationError) as found:
        Outer.model_validate(given)
    assert first_problem(found.value, Outer, "top") == said
