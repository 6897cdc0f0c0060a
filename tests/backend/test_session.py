"""The real verl and the real vLLM train methods that between them touch every hook, in one session; then some of them again,
in another order: whatever ran before a run, its bytes are the same. That a kill changes none either is shown by
tests/pipeline/test_end_to_end.py, that they are those of a run alone by tests/claims/test_lab.py.
"""

import itertools
import json
from pathlib import Path

import pytest
import yaml

from stages.artifacts.steps import read_steps
from stages.backend.session import Run, train
from stages.common.yaml_reader import safe_load
from stages.methods import class_of
from stages.profile.params import load
from stages.profile.plans.operation import Operation
from stages.rl.method import HOOKS
from stages.tools.sweep import plan_of, settings_of
from tests.project import ONE_CORE, ROOT, copy_project, descendants_left, run
from tests.raylets import left_of, two_raylets

pytestmark = pytest.mark.slow
# branches and dynamic sampling; two epochs and a reference; per-prompt history; a mask by quantile; choice of tokens;
# a teacher; logits and a controller; the step's entropy; another aggregation; another update schedule; the engine's
# log-probs; a temperature by step; a teacher's entropy
COVERING = [
    *("cure", "unlikeliness", "dcpo", "forking_tokens", "clip_cov", "rlrt", "aent", "ada_ent_reg", "dr_grpo", "opo"),
    *("dppo", "e3_temperature", "antisd"),
]
OF_MICRO_BATCHES = ["forking_tokens=code", "entropic=code"]  # the second accumulates from one to the next
# in another order, and after another seed: (run, training seed)
AGAIN = [("opo", 2), ("aent", 1), ("rlrt", 1), ("cure", 1), ("e3_temperature", 1)]
RUNS = [*((name, 1) for name in (*COVERING, *OF_MICRO_BATCHES, "steer")), *AGAIN]
# A quarter of a smoke run's step; two mini-batches of two micro-batches each.
SMALL = {"prompts_per_step": 4, "updates_per_step": 2, "micro_batch": 8}
PARAMS = load(ROOT / "profiles/smoke.yaml")
PARAMS = PARAMS.model_copy(
    update={"train": PARAMS.train.model_copy(update=SMALL), "backend": PARAMS.backend.model_copy(update=ONE_CORE)}
)


def test_these_methods_override_every_hook():
    assert {hook for name in COVERING for hook in class_of(name).changed_hooks()} == set(HOOKS)


@pytest.fixture(scope="module")
def project(tmp_path_factory, with_data_and_model):
    project = copy_project(tmp_path_factory.mktemp("session") / "project")
    path = project / "profiles/smoke.yaml"
    profile = safe_load(path.read_text())
    profile["train"] |= SMALL
    profile["backend"] |= ONE_CORE
    path.write_text(yaml.safe_dump(profile))
    with_data_and_model(project, "smoke")
    return project


# `python -m stages.tools.sweep NAME …`, with a training seed for each run
SWEEP = """
import sys
from stages.tools import sweep
plan_of, seeds = sweep.plan_of, iter(map(int, sys.argv.pop(1).split(",")))
sweep.plan_of = lambda params, *run: plan_of(params.model_copy(update={"seeds": [next(seeds)]}), *run)
sweep.run_stage(sweep.main)
"""


@pytest.fixture(scope="module")
def swept(project):
    seeds = ",".join(str(seed) for _, seed in RUNS)
    done = run(project, "python", "-c", SWEEP, seeds, *(name for name, _ in RUNS), timeout=3000)
    assert done.returncode == 0, done.stdout + done.stderr
    return project / "work/smoke/sweep"


def folders(swept, name):
    """Of the runs of a name, in the order in which they ran."""
    return [swept / f"{number:02}-{name}" for number, (other, _) in enumerate(RUNS, 1) if other == name]


def folder(swept, name):
    return folders(swept, name)[0]


def result(work: Path) -> tuple[bytes, bytes]:
    """What a run leaves: its step log and its weights."""
    weights = work / "checkpoints/global_step_3/actor/huggingface/model.safetensors"
    return (work / "steps.jsonl").read_bytes(), weights.read_bytes()


@pytest.mark.parametrize("number, name", [(number, name) for number, (name, _) in enumerate(RUNS, 1)])
def test_three_real_steps(swept, number, name):
    work = swept / f"{number:02}-{name}"
    lines = [json.loads(line) for line in (work / "steps.jsonl").read_text().splitlines()]
    assert json.loads((work / "ended.json").read_text()) == {"weights_changed": True} and len(lines) == 3
    assert all(line["gradient_norm"] > 0 and line["rollout_probability_difference"] < 1e-3 for line in lines)
    log = (work / "verl.log").read_text(errors="replace")
    assert f"bench: run begins: {work.name}" in log and log.count("bench: run begins") == 1


def test_what_only_some_methods_log(swept):
    def step(name, number):
        return json.loads((folder(swept, name) / "steps.jsonl").read_text().splitlines()[number])

    def first(name):
        return step(name, 0)

    def last(name):
        return step(name, -1)

    assert 0.15 < last("forking_tokens")["kept_fraction"] < 0.25  # a fifth
    assert 0.2 <= last("forking_tokens=code")["kept_fraction"] < 0.25  # of every micro-batch, rounded up
    assert last("dr_grpo")["kept_fraction"] == 1.0
    assert last("aent")["method_clamped_entropy"] > 0
    assert last("cure")["dropped_groups"] >= 0 and last("cure")["all_correct_groups"] == 0
    assert last("cure")["styles_per_group"] < last("opo")["styles_per_group"]  # two stems, or one, in place of eight
    # what a branch took over is no part of its trained tokens
    assert first("cure")["response_length"] < 0.9 * first("opo")["response_length"]
    assert last("rlrt")["method_token_weight"] != 1.0
    assert last("e3_temperature")["method_temperature"] != step("e3_temperature", 1)["method_temperature"] == 1.0
    assert last("antisd")["method_warm_entropy"] > 0
    assert 0.5 <= last("steer")["method_token_weight"] < 1  # its maximum is that of two micro-batches


def test_entropics_code_adds_an_error_for_every_update(swept):
    """Of the current policy's entropy, which has not gone far from that of the step's rollouts."""
    updates = PARAMS.train.updates_per_step
    lines = [json.loads(line) for line in (folder(swept, "entropic=code") / "steps.jsonl").read_text().splitlines()]
    sums, errors = [line["method_error_sum"] for line in lines], [line["entropy"] - 0.1 for line in lines]
    assert sums[0] == 0.0 and updates > 1
    assert [after - before for before, after in itertools.pairwise(sums)] == pytest.approx(
        [updates * error for error in errors[:2]], rel=0.2
    )


@pytest.mark.parametrize("name", [name for name, seed in AGAIN if seed == 1])
def test_the_bytes_do_not_depend_on_what_ran_before(swept, name):
    first, again = folders(swept, name)
    assert result(first) == result(again)


def test_two_ranks_on_two_nodes_train_as_one_rank_does(project, swept):
    """The first step has the same policy and the same samples, so all its numbers agree up to the order of sums; STEER's
    weights have the maximum of a mini-batch, which both ranks share. Of the session nothing is left on any node.
    """
    plan = plan_of(PARAMS, "steer-1", *settings_of("steer", PARAMS.method_settings))
    data, model = project / "results/smoke/data/train/lab.parquet", project / "results/smoke/model"
    with two_raylets() as cluster:
        on_both = {"share_session": False, "nodes": 2, "ray_address": cluster.address}
        backend = plan.backend.model_copy(update=on_both)
        two = Run(plan.model_copy(update={"backend": backend}), project / "work/two nodes/steer-1")
        joined = Operation(profile="smoke", ray_address=cluster.address)
        assert train([two], data, model, lambda: None, joined) == {}
        assert left_of(two.work) == []
    steps, other = (read_steps(work / "steps.jsonl", 3) for work in (two.work, folder(swept, "steer")))
    for column in ("entropy", "reward", "response_length", "gradient_norm", "method_token_weight"):
        assert steps[0][column] == pytest.approx(other[0][column], rel=1e-3)


def test_another_seed_gives_other_bytes(swept):
    first, again = folders(swept, "opo")
    assert result(first) != result(again)


def test_nothing_is_left_running(project, swept):
    assert descendants_left(project) == []
