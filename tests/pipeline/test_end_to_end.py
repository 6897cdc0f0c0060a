"""The whole pipeline on real parts: two methods, six steps, in shared sessions. One run undisturbed, one killed while it
trains another run than the requested one, and while it samples checkpoints to choose one.

The first method is the worked example of README, so the example is executed as it stands there. The second reads logits,
and carries a coefficient from step to step.
"""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pyarrow.parquet
import pytest
import yaml

from stages.common.files import read_json, read_jsonl, sha256
from tests.project import ONE_CORE, ROOT, clean_environment, copy_project, descendants_left, run, set_params

pytestmark = pytest.mark.slow

SMALL = {
    "profile": "pair",
    "methods": ["half_sure", "aent"],
    "method_settings": {"aent": {"entropy_low": 0.5, "entropy_high": 0.6}},  # above the model's: it moves in every step
    "data__lab__test_per_level": 2,
    "train__steps": 6,
    "train__prompts_per_step": 8,
    "train__responses_per_prompt": 4,
    "train__updates_per_step": 2,
    "train__micro_batch": 8,  # two a mini-batch
    "train__checkpoint_every": 2,
    "train__optimiser__warm_up_steps": 0,
    "backend__threads": ONE_CORE["threads"],
    "evaluation__benchmarks": ["lab_sum", "lab_code"],
    "evaluation__samples": {"lab_sum": 4, "lab_code": 2},
    "checkpoints": {"paper": "best on lab_sum", "early": "step 2"},
}
FIRST_LOOKED_AT = ("train/half_sure-1", "checkpoints/step-2")  # the first model that a rule samples


def pair_project(folder: Path) -> Path:
    project = copy_project(folder)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    path, code = re.search(r"```python\n# (stages/methods/half_sure\.py)\n(.*?)```", readme, re.DOTALL).groups()
    (project / path).write_text(code)
    (line,) = re.findall(r"^    (\"half_sure\": .*)$", readme, re.MULTILINE)
    registry = project / "stages/methods/__init__.py"
    registry.write_text(registry.read_text().replace("METHODS = {", f"METHODS = {{\n    {line}"))
    set_params(project, **SMALL)
    return project


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    project = pair_project(tmp_path_factory.mktemp("undisturbed"))
    done = run(project, "dvc", "repro", timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    return project


def test_every_part_left_its_results(undisturbed):
    results = undisturbed / "results/pair"
    for name in ("half_sure-1", "aent-1"):
        steps = list(read_jsonl(results / f"train/{name}/steps.jsonl"))
        assert [line["step"] for line in steps] == [1, 2, 3, 4, 5, 6]
        assert all(line["rollout_probability_difference"] < 1e-2 for line in steps)  # weights reached the engine
        assert all(line["entropy"] > 0 and line["gradient_norm"] > 0 for line in steps)
        assert all(0 <= line["clip_fraction_high"] <= 1 and 0 <= line["clip_fraction_low"] <= 1 for line in steps)
        assert (results / f"train/{name}/model/model.safetensors").stat().st_size > 1_000_000
        if name == "half_sure-1":
            assert all(0.5 <= line["method_token_weight"] < 1 for line in steps)
        else:
            assert len({line["method_coefficient"] for line in steps}) == 6
    for name in ("base", "half_sure-1", "aent-1"):
        samples = pyarrow.parquet.read_table(results / f"grades/{name}/lab_sum.parquet").to_pylist()
        assert len(samples) == 6 * 4 and len({(row["id"], row["repeat"]) for row in samples}) == 24
        assert all(row["tokens"] > 0 for row in samples)
        assert all(row["text"] for row in read_jsonl(results / f"samples/{name}/lab_sum.jsonl"))
        scores = read_json(results / f"grades/{name}/scores.json")
        assert scores["lab_sum"]["avg_at_k"] == pytest.approx(sum(row["correct"] for row in samples) / 24)
        assert scores["lab_code"]["status"].startswith(("graded", "not run: "))
    assert (results / "report/index.html").exists()


def test_training_changed_the_weights_and_methods_differ(undisturbed):
    results = undisturbed / "results/pair"
    weights = {
        (results / path / "model.safetensors").read_bytes()
        for path in ("model", "train/half_sure-1/model", "train/aent-1/model")
    }
    assert len(weights) == 3


def test_samples_of_a_problem_differ(undisturbed):
    rows = list(read_jsonl(undisturbed / "results/pair/samples/base/lab_sum.jsonl"))
    groups = [{row["text"] for row in rows if row["id"] == name} for name in {row["id"] for row in rows}]
    assert sum(map(len, groups)) / len(groups) > 2


def test_second_repro_does_nothing(undisturbed):
    before, start = (undisturbed / "dvc.lock").read_bytes(), time.monotonic()
    done = run(undisturbed, "dvc", "repro")
    assert done.returncode == 0 and "Running stage" not in done.stdout
    assert time.monotonic() - start < 20
    assert (undisturbed / "dvc.lock").read_bytes() == before


def test_no_path_of_the_machine_in_tracked_outputs(undisturbed):
    for file in (undisturbed / "results/pair").rglob("*"):
        if file.is_file() and "timings" not in file.name:
            assert str(undisturbed).encode() not in file.read_bytes(), file


def test_nothing_is_left_running(undisturbed):
    assert descendants_left(undisturbed) == []


def test_a_session_trains_and_samples_all_runs(undisturbed):
    """What the second run left says that it had no process of its own."""
    (first,) = (undisturbed / "work/pair/train").glob("half_sure-1-*")
    (second,) = (undisturbed / "work/pair/train").glob("aent-1-*")
    assert (first / "session.log").exists() and not (second / "session.log").exists()
    assert "bench: run begins: aent-1" in (second / "verl.log").read_text(errors="replace")
    served = {path.parent for path in (undisturbed / "work/pair/sample").glob("*/vllm.log")}
    looked_at = {_samples(undisturbed, f"train/{name}", "checkpoints/step-2") for name in ("half_sure-1", "aent-1")}
    assert len(served & looked_at) == 1  # one server for the checkpoints of both runs
    assert len(served) <= 3  # and one for what can be sampled at once: a choice may have to be waited for


def test_a_rule_chooses_the_best_checkpoint_and_it_is_evaluated(undisturbed):
    results = undisturbed / "results/pair"
    for name in ("half_sure-1", "aent-1"):
        choice = read_json(results / f"choices/{name}.paper/choice.json")
        scores = {int(step): of["lab_sum"] for step, of in choice["scores"].items()}
        assert list(scores) == [2, 4, 6] and choice["step"] == max(scores, key=scores.get)
        last = read_json(results / f"grades/{name}/scores.json")["lab_sum"]["avg_at_k"]
        chosen = read_json(results / f"grades/{name}.paper/scores.json")["lab_sum"]["avg_at_k"]
        assert scores[6] == pytest.approx(last) and max(scores.values()) == pytest.approx(chosen)
        early = read_json(results / f"choices/{name}.early/choice.json")
        assert (early["step"], early["scores"]) == (2, {})
        assert read_json(results / f"grades/{name}.early/scores.json")["lab_sum"]["avg_at_k"] == pytest.approx(
            scores[2]
        )
    table = (results / "report/tables/checkpoints.csv").read_text().splitlines()
    assert len(table) == 1 + 2 * 2 * len({line.split(",")[5] for line in table[1:]})


def test_killed_runs_end_in_the_same_bytes(undisturbed, tmp_path):
    """kill −9 of everything after a checkpoint of training, then again while checkpoints are sampled; then to the end."""
    project = pair_project(tmp_path / "killed")
    steps = project / "work/pair/train"
    kill_when(project, lambda: any(_lines(path) >= 5 for path in steps.glob("aent-1-*/steps.jsonl")))
    assert not (project / "results/pair/train/half_sure-1").exists()  # the stage that was asked for is not done
    kill_when(project, lambda: _stored(project, *FIRST_LOOKED_AT) >= 8)
    assert not (project / "results/pair/checkpoints/half_sure-1.paper").exists()
    done = run(project, "dvc", "repro", timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    (log,) = steps.glob("aent-1-*/verl.log")
    assert "global_step_4" in log.read_text(errors="replace").split("Resuming from")[1][:400]
    locks = [yaml.safe_load((folder / "dvc.lock").read_text()) for folder in (undisturbed, project)]
    assert locks[0] == locks[1]
    assert descendants_left(project) == []


def kill_when(project: Path, ready) -> None:
    """Starts `dvc repro` and kills it and all that it started, without a warning, once `ready()` holds."""
    process = subprocess.Popen(
        [project / ".venv/train/bin/dvc", "repro"],
        cwd=project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=clean_environment(),
    )
    deadline = time.monotonic() + 900
    while not ready():
        assert process.poll() is None, "the pipeline ended before it could be killed"
        assert time.monotonic() < deadline, "the pipeline did not get far enough to be killed"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)  # dvc and the stage; the stage's processes die or are ended by the next call
    process.wait()


def _samples(project: Path, *model: str) -> Path:
    """The folder in which samples of a model below the results are stored as they come."""
    return project / "work/pair/sample" / sha256(project.joinpath("results/pair", *model))[:16]


def _stored(project: Path, *model: str) -> int:
    """How many samples of a model are stored; none where there is no model yet."""
    if not project.joinpath("results/pair", *model).is_dir():
        return 0
    return sum(map(_lines, _samples(project, *model).rglob("predictions/**/*.jsonl")))


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")
