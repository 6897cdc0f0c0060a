"""`make preflight OPTIONS=--step` with the smoke profile on a CPU, and the estimate from what it has measured."""

import re
import shutil

import pytest

from stages.common.files import InputError, read_json, write_json
from stages.methods import build
from stages.profile.machine import sources_of
from stages.profile.params import load
from stages.tools.estimate import main as estimate
from stages.tools.estimation.hours import work
from stages.tools.estimation.throughput import Throughput
from stages.tools.longest.prompts import write_prompts
from stages.tools.longest_step import IGNORE_EOS, most_demanding, plan_of
from tests.project import ONE_CORE, ROOT, copy_project, descendants_left, edit, run, set_params

DAPO = ROOT / "profiles/qwen2.5-math-7b-dapo.yaml"
MEASURED = Throughput(
    profile="qwen2.5-math-7b-dapo", method="steer", device="H100", devices=8, responses=256, tokens=4096, sampled=2000.0,
    passed=20_000.0, updated=5000.0, passes_in_update=1, rest=3.0, peak=61.0,
)  # fmt: skip


def test_a_step_is_one_mini_batch_that_ends_nowhere_before_its_longest():
    params = load(DAPO)
    assert most_demanding(params) == "steer"  # the only one with a pass over the mini-batch
    plan = plan_of(params, "steer")
    assert (plan.train.prompts_per_step, plan.train.updates_per_step, plan.train.responses_per_prompt) == (32, 1, 8)
    assert plan.backend.verl == {IGNORE_EOS: True}
    same = ("max_prompt_tokens", "max_response_tokens", "micro_batch", "reward", "temperature")
    assert all(getattr(plan.train, name) == getattr(params.train, name) for name in same)
    assert plan.backend.model_copy(update={"verl": {}}) == params.backend


def test_a_method_that_would_sample_for_ever_is_refused():
    """DAPO samples groups again whose responses are all wrong, as these are."""
    params = load(ROOT / "profiles/dapo-qwen2.5-32b.yaml")
    assert most_demanding(params) == "grpo"
    with pytest.raises(InputError, match="--method: 'dapo'"):
        plan_of(params, "dapo")


def test_a_profile_that_trains_nothing_has_no_step():
    with pytest.raises(InputError, match="methods: this profile trains nothing"):
        most_demanding(load(ROOT / "profiles/released-math-7b.yaml"))


def test_prompts_are_as_long_as_allowed(shipped_model, tmp_path):
    import pyarrow.parquet

    from stages.sampling.lengths import counter

    params = load(ROOT / "profiles/smoke.yaml")
    write_prompts(tmp_path / "longest.parquet", 4, params, shipped_model)
    rows = pyarrow.parquet.read_table(tmp_path / "longest.parquet").to_pylist()
    asked = [row["prompt"][0]["content"] for row in rows]
    lengths = {counter(shipped_model)(text) for text in asked}
    assert len(set(asked)) == 4 and lengths <= {params.train.max_prompt_tokens, params.train.max_prompt_tokens - 1}


def test_seconds_of_a_whole_step_by_hand():
    params = load(DAPO)
    found = MEASURED.seconds_a_step(params)
    tokens = 512 * 8 * (1024 + 3072) / 8  # of a GPU
    assert found["grpo"] == found["steer"] == pytest.approx(tokens * (1 / 2000 + 1 / 20_000 + 1 / 5000) + 3)
    assert MEASURED.seconds_a_step(params, 0.5)["grpo"] - 3 == pytest.approx((found["grpo"] - 3) / 2)
    bare = MEASURED.model_copy(update={"passes_in_update": 0}).seconds_a_step(params)
    method, settings = params.method_of("steer")
    assert work(build(method, settings), params.train).passes == 2
    assert bare["steer"] - bare["grpo"] == pytest.approx(tokens / 20_000)


def test_the_estimate_says_what_is_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    path = tmp_path / "measured.json"
    MEASURED.write(path)
    estimate([str(DAPO), "--measured", str(path)])
    said = capsys.readouterr().out
    assert "measured on 8 × H100" in said and "training: as measured, seconds a step" in said
    assert "u_t = not used: training is measured" in said and re.search(r"u_s = [0-9.e-]+ of it .*, as measured", said)
    assert "assumed)" not in said
    estimate([str(DAPO)])
    said = capsys.readouterr().out
    assert "training: as measured" not in said and "measured on" not in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"profile": "smoke"}, "is of smoke, not of qwen2.5-math-7b-dapo"),
        ({"sampled": -1.0}, "sampled"),
        ({"speed": 1}, "speed"),
        (None, "is missing; make preflight OPTIONS=--step"),
    ],
)
def test_a_file_that_is_not_of_the_profile_is_refused(tmp_path, monkeypatch, change, said):
    monkeypatch.chdir(ROOT)
    path = tmp_path / "measured.json"
    if change is not None:
        write_json(path, MEASURED.model_dump() | change)
    with pytest.raises(InputError, match=said):
        estimate([str(DAPO), "--measured", str(path)])


def test_the_laboratory_needs_no_fetched_set():
    assert sources_of(load(ROOT / "profiles/smoke.yaml")) & {"aime24", "math500", "dapo_math_17k"} == set()
    assert {"aime24", "math500", "dapo_math_17k", "gsm8k_test"} <= sources_of(load(DAPO))


@pytest.mark.slow
def test_the_real_step_on_a_cpu(shipped_model, tmp_path):
    """With an engine in bf16 under a trainer in float32, where the two are 1e-6 nats apart (test_session.py): that it is told, and
    weighted. A mean weight is near 1, since E_engine[π/π_engine] = 1.
    """
    project = copy_project(tmp_path / "project")
    set_params(project, **{f"backend__{name}": value for name, value in ONE_CORE.items()})
    set_params(project, backend__engine_correction="truncated_importance_sampling")
    edit(project, "stages/backend/config.py", '"dtype": backend.dtype,', '"dtype": "bfloat16",')  # the engine's alone
    done = run(project, "python", "-m", "stages.tools.preflight", "--step")
    assert done.returncode == 1 and "results/smoke/model is missing: make repro TARGETS=model@smoke" in done.stderr
    shutil.copytree(shipped_model, project / "results/smoke/model")
    done = run(project, "python", "-m", "stages.tools.preflight", "--step", timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    for words in (
        "memory at the peak",
        "tokens a second sampled",
        "seconds: update",
        "none: the estimate assumes",
        "a whole step",
    ):
        assert words in done.stdout
    told = re.search(r"engine: (\S+) nats a token.* weights them with (\S+) on average", done.stdout)
    assert told and 1e-3 < float(told[1]) < 0.1 and 0 < abs(float(told[2]) - 1) < 0.02
    found = read_json(project / "work/preflight/smoke.json")
    assert found["tokens"] == 32 + 56 and found["responses"] == 16 * 8 // 4
    assert 0.5 < found["peak"] < 64 and all(found[name] > 0 for name in ("sampled", "passed", "updated"))
    assert not (project / "work/preflight/smoke").exists()  # its checkpoints
    told = run(project, "python", "-m", "stages.tools.estimate", "--measured", "work/preflight/smoke.json")
    assert told.returncode == 0 and "measured, seconds a step: grpo" in told.stdout and "in sampling" in told.stdout
    assert descendants_left(project) == []
