"""The whole pipeline on real parts: two methods, six steps, in shared sessions. One run undisturbed, with loggers; one without,
killed while it trains another run than the requested one, and while it samples checkpoints to choose one.
"""

import time
from ipaddress import ip_address

import pyarrow.parquet
import pytest
import yaml

from stages.common.files import read_json, read_jsonl
from tests.listening import listening
from tests.pipeline.pair import kill_when, lines_of, pair_project, samples_of, stored
from tests.project import descendants_left, run, set_params

pytestmark = pytest.mark.slow

FIRST_LOOKED_AT = ("train/half_sure-1", "checkpoints/step-2")  # the first model that a rule samples


@pytest.fixture(scope="module")
def addresses():
    """Those that anything of the undisturbed run has listened on."""
    return set()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, addresses):
    project = pair_project(tmp_path_factory.mktemp("undisturbed"))
    set_params(project, backend__loggers=["wandb", "tensorboard"])
    with listening(addresses):
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


def test_every_second_step_begins_with_a_validation(undisturbed):
    """That a killed run is validated on the same responses is part of its bytes."""
    results = undisturbed / "results/pair"
    for name in ("half_sure-1", "aent-1"):
        found = {
            line["step"]: line["validation_correct"]
            for line in read_jsonl(results / f"train/{name}/steps.jsonl")
            if "validation_correct" in line
        }
        assert list(found) == [1, 3, 5]
        assert all(0 < share <= 1 and share * 12 == pytest.approx(round(share * 12)) for share in found.values())
    assert read_json(results / "data/manifest.json")["train/own_held_out.parquet"]["rows_out"] == 6
    assert (
        "Validation: share of right responses to 6 prompts of own_held_out"
        in (results / "report/index.html").read_text()
    )


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


def test_nothing_could_be_reached_from_another_machine(undisturbed, addresses):
    found = {ip_address(address.removeprefix("::ffff:")) for address in addresses}  # IPv4 as IPv6 writes it
    assert found and all(address.is_loopback for address in found)


@pytest.mark.parametrize("name", ["half_sure-1", "aent-1"])
def test_each_run_of_a_session_has_logs_of_its_own(undisturbed, name):
    """What TensorBoard's own reader finds are the numbers of the step log."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    lines = list(read_jsonl(undisturbed / f"results/pair/train/{name}/steps.jsonl"))
    (work,) = (undisturbed / "work/pair/train").glob(f"{name}-*")
    events = EventAccumulator(str(work / "tensorboard")).Reload()
    for column in ("entropy", "reward", "response_length"):
        logged = {event.step: event.value for event in events.Scalars(f"bench/{column}")}
        assert logged == pytest.approx({line["step"]: line[column] for line in lines})
    assert "actor/grad_norm" in events.Tags()["scalars"]  # verl's own
    (run_file,) = work.glob(f"wandb/offline-run-*/run-{work.name}.wandb")
    assert run_file.stat().st_size > 0


def test_a_session_trains_and_samples_all_runs(undisturbed):
    """What the second run left says that it had no process of its own."""
    (first,) = (undisturbed / "work/pair/train").glob("half_sure-1-*")
    (second,) = (undisturbed / "work/pair/train").glob("aent-1-*")
    assert (first / "session.log").exists() and not (second / "session.log").exists()
    assert "bench: run begins: aent-1" in (second / "verl.log").read_text(errors="replace")
    served = {path.parent for path in (undisturbed / "work/pair/sample").glob("*/vllm.log")}
    looked_at = {samples_of(undisturbed, f"train/{name}", "checkpoints/step-2") for name in ("half_sure-1", "aent-1")}
    assert len(served & looked_at) == 1  # one server for the checkpoints of both runs
    assert len(served) == 2  # and one for all else, once the checkpoints are chosen


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
    """kill −9 of everything after a checkpoint of training, then again while checkpoints are sampled; then until they are
    chosen, from where on nothing knows of it.
    """
    project = pair_project(tmp_path / "killed")
    steps = project / "work/pair/train"
    kill_when(project, lambda: any(lines_of(path) >= 5 for path in steps.glob("aent-1-*/steps.jsonl")))
    assert not (project / "results/pair/train/half_sure-1").exists()  # the stage that was asked for is not done
    kill_when(project, lambda: stored(project, *FIRST_LOOKED_AT) >= 8)
    assert not (project / "results/pair/checkpoints/half_sure-1.paper").exists()
    rules = [f"choose@pair-{rule}-{name}" for rule in ("paper", "early") for name in ("half_sure-1", "aent-1")]
    done = run(project, "dvc", "repro", *rules, timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    (log,) = steps.glob("aent-1-*/verl.log")
    assert "global_step_4" in log.read_text(errors="replace").split("Resuming from")[1][:400]
    whole, killed = (yaml.safe_load((each / "dvc.lock").read_text())["stages"] for each in (undisturbed, project))
    del killed["resolve@pair"]  # which knows of the loggers; what it plans is what the other stages depend on
    assert killed.keys() >= {"train@pair-half_sure-1", "train@pair-aent-1", *rules}
    assert killed.items() <= whole.items()
    assert descendants_left(project) == []
