"""The real verl and the real vLLM train methods that between them touch every seam, in one session."""

import json

import pytest

from stages.methods import class_of
from stages.surrogate.compose import SEAMS, seams
from tests.project import copy_project, descendants_left, run

# branches and dynamic sampling; two epochs and a reference; per-prompt history; a mask by quantile; choice of tokens;
# a teacher; logits and a controller; another aggregation; another update schedule
COVERING = ["cure", "unlikeliness", "dcpo", "forking_tokens", "clip_cov", "rlrt", "aent", "dr_grpo", "opo"]


def test_the_methods_below_touch_every_seam():
    assert {seam for name in COVERING for seam in seams(class_of(name))} == set(SEAMS)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    project = copy_project(tmp_path_factory.mktemp("sweep") / "project")
    done = run(project, "dvc", "repro", "prepare@smoke", "model@smoke")
    assert done.returncode == 0, done.stderr
    done = run(project, "python", "-m", "stages.sweep", *COVERING, COVERING[0])
    assert done.returncode == 0, done.stdout + done.stderr
    return project / "work/smoke/sweep"


def folder(swept, name):
    return swept / f"{COVERING.index(name) + 1:02}-{name}"


@pytest.mark.parametrize("name", COVERING)
def test_three_real_steps(swept, name):
    work = folder(swept, name)
    result = json.loads((work / "result.json").read_text())
    lines = [json.loads(line) for line in (work / "steps.jsonl").read_text().splitlines()]
    assert result["status"] == "ran" and result["weights_changed"] and len(lines) == 3
    assert all(line["gradient_norm"] > 0 and line["rollout_probability_difference"] < 1e-3 for line in lines)


def test_what_only_some_methods_log(swept):
    def step(name, number):
        return json.loads((folder(swept, name) / "steps.jsonl").read_text().splitlines()[number])

    def first(name):
        return step(name, 0)

    def last(name):
        return step(name, -1)

    assert 0.15 < last("forking_tokens")["kept_fraction"] < 0.25  # a fifth
    assert last("dr_grpo")["kept_fraction"] == 1.0
    assert last("aent")["method"]["clamped_entropy"] > 0
    assert last("cure")["dropped_groups"] >= 0 and last("cure")["all_correct_groups"] == 0
    assert last("cure")["styles_per_group"] < last("opo")["styles_per_group"]  # two stems, or one, in place of eight
    # what a branch took over is no part of its trained tokens
    assert first("cure")["response_length"] < 0.9 * first("opo")["response_length"]
    assert last("rlrt")["method"]["token_weight"] != 1.0


def test_the_same_method_gives_the_same_bytes_again(swept):
    """With branches and dynamic sampling, and after eight other methods in the same session."""
    first, again = (swept / f"{number:02}-{COVERING[0]}" / "steps.jsonl" for number in (1, len(COVERING) + 1))
    assert first.read_bytes() == again.read_bytes()


def test_nothing_is_left_running(swept):
    assert descendants_left(swept.parents[2]) == []
