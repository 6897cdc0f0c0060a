"""The real verl and the real vLLM train methods that between them touch every hook, in one session; then some of them again,
in other company: whatever ran before a run, and whether it was killed, its bytes are the same.
"""

import itertools
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from stages.backend.checkpoints import last_whole
from stages.backend.session import Run, train
from stages.common.yaml_reader import safe_load
from stages.methods import class_of
from stages.profile.params import load
from stages.rl.method import HOOKS
from stages.tools.sweep import plan_of, settings_of
from tests.project import ROOT, copy_project, descendants_left, run

pytestmark = pytest.mark.slow
# branches and dynamic sampling; two epochs and a reference; per-prompt history; a mask by quantile; choice of tokens;
# a teacher; logits and a controller; the step's entropy; another aggregation; another update schedule; the engine's
# log-probs
COVERING = [
    *("cure", "unlikeliness", "dcpo", "forking_tokens", "clip_cov", "rlrt", "aent", "ada_ent_reg", "dr_grpo", "opo"),
    "dppo",
]
OF_MICRO_BATCHES = ["forking_tokens=code", "entropic=code"]  # the second accumulates from one to the next
RUNS = [*COVERING, *OF_MICRO_BATCHES]
# in another order, and after another seed: (run, training seed)
AGAIN = [("opo", 2), ("aent", 1), ("rlrt", 1), ("cure", 1)]
# A quarter of a smoke run's step; two mini-batches of two micro-batches each.
SMALL = {"prompts_per_step": 4, "updates_per_step": 2, "micro_batch": 8}
PARAMS = load(ROOT / "profiles/smoke.yaml")
PARAMS = PARAMS.model_copy(update={"train": PARAMS.train.model_copy(update=SMALL)})


def test_these_methods_override_every_hook():
    assert {hook for name in COVERING for hook in class_of(name).changed_hooks()} == set(HOOKS)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = copy_project(tmp_path_factory.mktemp("session") / "project")
    path = project / "profiles/smoke.yaml"
    profile = safe_load(path.read_text())
    profile["train"] |= SMALL
    path.write_text(yaml.safe_dump(profile))
    done = run(project, "dvc", "repro", "prepare@smoke", "model@smoke")
    assert done.returncode == 0, done.stderr
    return project


@pytest.fixture(scope="module")
def swept(project):
    done = run(project, "python", "-m", "stages.tools.sweep", *RUNS)
    assert done.returncode == 0, done.stdout + done.stderr
    return project / "work/smoke/sweep"


def folder(swept, name):
    return swept / f"{RUNS.index(name) + 1:02}-{name}"


def result(work: Path) -> tuple[bytes, bytes]:
    """What a run leaves: its step log and its weights."""
    weights = work / "checkpoints/global_step_3/actor/huggingface/model.safetensors"
    return (work / "steps.jsonl").read_bytes(), weights.read_bytes()


@pytest.mark.parametrize("name", RUNS)
def test_three_real_steps(swept, name):
    work = folder(swept, name)
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


def test_entropics_code_adds_an_error_for_every_update(swept):
    """Of the current policy's entropy, which has not gone far from that of the step's rollouts."""
    updates = PARAMS.train.updates_per_step
    lines = [json.loads(line) for line in (folder(swept, "entropic=code") / "steps.jsonl").read_text().splitlines()]
    sums, errors = [line["method_error_sum"] for line in lines], [line["entropy"] - 0.1 for line in lines]
    assert sums[0] == 0.0 and updates > 1
    assert [after - before for before, after in itertools.pairwise(sums)] == pytest.approx(
        [updates * error for error in errors[:2]], rel=0.2
    )


def again(project: Path, of: list[tuple[str, int]], name: str, shared: bool = True) -> list[Run]:
    """Runs of other work folders, with a checkpoint after every step."""
    runs = []
    for method, seed in of:
        params = PARAMS.model_copy(update={"seeds": [seed]})
        plan = plan_of(params, f"{method}-{seed}", *settings_of(method, PARAMS.method_settings))
        every = plan.train.model_copy(update={"checkpoint_every": 1})
        backend = plan.backend.model_copy(update={"share_session": shared})
        plan = plan.model_copy(update={"train": every, "backend": backend})
        runs.append(Run(plan, project / "work/again" / name / f"{method}-{seed}"))
    return runs


def train_in(project: Path, runs: list[Run]) -> dict[str, str]:
    return train(runs, project / "results/smoke/data/train/lab.parquet", project / "results/smoke/model", lambda: None)


@pytest.fixture(scope="module")
def killed(project, swept):
    """AGAIN in a session that is killed without a warning while its second run trains, and in one that goes on from there."""
    runs = again(project, AGAIN, "killed")
    program = "import sys; from pathlib import Path; from tests.backend import test_session as t; "
    program += "project = Path(sys.argv[1]); t.train_in(project, t.again(project, t.AGAIN, 'killed'))"
    process = subprocess.Popen([sys.executable, "-c", program, project], cwd=ROOT)
    deadline = time.monotonic() + 900
    while last_whole(runs[1].checkpoints) < 2:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert runs[0].is_done() and not runs[1].is_done()
    assert train_in(project, runs) == {}
    return {run.plan.run: run for run in runs}


@pytest.mark.parametrize("name", [name for name, seed in AGAIN if seed == 1])
def test_the_bytes_depend_neither_on_what_ran_before_nor_on_a_kill(swept, killed, name):
    assert result(killed[f"{name}-1"].work) == result(folder(swept, name))


def test_it_went_on_where_it_was_killed(killed):
    log = killed["aent-1"].log.read_text(errors="replace")
    assert log.count("bench: run begins") == 2 and "global_step_2" in log.split("Resuming from")[1][:400]
    assert killed["opo-2"].log.read_text(errors="replace").count("bench: run begins") == 1


def test_the_bytes_are_those_of_a_run_alone(project, killed):
    """Whose engine has no reference, and whose workers keep no weights to go back to."""
    (alone,) = again(project, AGAIN[:1], "alone", shared=False)
    assert train_in(project, [alone]) == {}
    assert result(alone.work) == result(killed["opo-2"].work)


def test_another_seed_gives_other_bytes(swept, killed):
    assert result(killed["opo-2"].work) != result(folder(swept, "opo"))


def test_nothing_is_left_running(project, killed):
    assert descendants_left(project) == []
