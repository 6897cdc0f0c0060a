"""Settings of `backend` that no shipped profile has: loggers, which no result depends on, and what is done about an engine
that is not quite the trainer."""

import json
import sys
import threading
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from ipaddress import ip_address

import psutil
import pytest
import yaml

from stages.backend.config import session_settings
from stages.backend.loggers import assert_loggers, variables
from stages.common.files import InputError
from stages.common.yaml_reader import safe_load
from stages.profile.params import load
from stages.profile.plans.operation import FILE, Operation
from stages.profile.resolution import plans
from tests.project import ONE_CORE, ROOT, copy_project, edit, run, set_params


def with_backend(tmp_path, methods=None, **fields):
    content = safe_load((ROOT / "profiles/smoke.yaml").read_text())
    content["methods"] = methods or content["methods"]
    content["backend"] |= fields
    content["train"]["micro_batch"] = 16  # so that two devices can share a mini-batch
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    return load(tmp_path / "params.yaml")


def test_neither_loggers_nor_the_address_of_ray_change_a_plan(tmp_path):
    """So that switching one on repeats no training."""
    plain = {name: plan.text() for name, plan in plans(with_backend(tmp_path)).items()}
    changed = with_backend(tmp_path, loggers=["wandb", "tensorboard"], ray_address="10.0.0.1:6379")
    assert {name: plan.text() for name, plan in plans(changed).items()} == plain
    operation = Operation.of("smoke", changed.backend)
    (tmp_path / FILE).write_text(operation.text())
    assert Operation.read(tmp_path) == operation and operation.joins
    assert operation.loggers == ["wandb", "tensorboard"]
    two = with_backend(tmp_path, nodes=2, ray_address="auto")
    assert plans(two)["train/grpo-1"].text() != plain["train/grpo-1"]


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"loggers": ["tensorbord"]}, "backend.loggers"),
        ({"loggers": ["wandb", "wandb"]}, "repeats an entry"),
        ({"nodes": 2}, "give ray_address: auto"),
        ({"ray_address": "ray://head:10001"}, "backend.ray_address"),
    ],
)
def test_wrong_settings(tmp_path, fields, said):
    with pytest.raises(InputError, match=said):
        with_backend(tmp_path, **fields)


def test_what_a_session_is_told(tmp_path):
    plan = plans(load(ROOT / "profiles/smoke.yaml"))["train/grpo-1"]
    operation = Operation(profile="smoke", loggers=["tensorboard"])
    settings = session_settings([(plan, tmp_path)], tmp_path / "x.parquet", tmp_path, operation)
    assert (
        settings["trainer"]["logger"] == ["console", "tensorboard"] and settings["trainer"]["project_name"] == "smoke"
    )


def test_loggers_need_no_network_unless_the_caller_asks(tmp_path, monkeypatch):
    work = tmp_path / "work/smoke/train/grpo-1-0"
    for name in ("WANDB_MODE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    assert variables(["wandb", "mlflow"], work) == {
        "WANDB_MODE": "offline",
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'work' / 'smoke' / 'mlflow.db'}",
    }
    monkeypatch.setenv("WANDB_MODE", "online")
    assert variables(["wandb"], work) == {"WANDB_MODE": "online"} and variables([], work) == {}


@pytest.mark.skipif(find_spec("mlflow") is not None, reason="mlflow is installed here")
def test_a_logger_that_is_missing_names_the_line_that_installs_it():
    with pytest.raises(InputError, match=f"{sys.executable} -m pip install mlflow-skinny"):
        assert_loggers(["tensorboard", "mlflow"], "cpu")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two runs of two steps in one session: with the two loggers that the lock has, and with an engine in bf16 under a
    trainer in float32, for which the loss is weighted."""
    project = copy_project(tmp_path_factory.mktemp("loggers") / "project")
    small = {
        "train__steps": 2,
        "train__checkpoint_every": 2,
        "train__prompts_per_step": 4,
        "train__updates_per_step": 2,
        "train__optimiser__warm_up_steps": 0,
    }
    small |= {"train__micro_batch": 8, "methods": ["grpo", "steer"], "backend__loggers": ["wandb", "tensorboard"]}
    small |= {"backend__engine_correction": "truncated_importance_sampling", "backend__threads": ONE_CORE["threads"]}
    edit(project, "stages/backend/config.py", '"dtype": backend.dtype,', '"dtype": "bfloat16",')  # the engine's alone
    set_params(project, **small)
    with listening() as addresses:
        done = run(project, "dvc", "repro", "train@smoke-grpo-1", "train@smoke-steer-1")
    assert done.returncode == 0, done.stderr
    return project, addresses


@contextmanager
def listening():
    """The addresses that processes below this one listen on, looked at once a second."""
    found, ended = set(), threading.Event()

    def look():
        while not ended.wait(1.0):
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    found.update(c.laddr.ip for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


@pytest.mark.slow
def test_nothing_of_a_session_can_be_reached_from_another_machine(trained):
    _, addresses = trained
    found = {ip_address(address.removeprefix("::ffff:")) for address in addresses}  # IPv4 as IPv6 writes it
    assert found and all(address.is_loopback for address in found)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["grpo-1", "steer-1"])
def test_each_run_of_a_session_has_logs_of_its_own(trained, name):
    """What TensorBoard's own reader finds are the numbers of the step log."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trained, _ = trained
    lines = [
        json.loads(line) for line in (trained / f"results/smoke/train/{name}/steps.jsonl").read_text().splitlines()
    ]
    (work,) = (trained / "work/smoke/train").glob(f"{name}-*")
    events = EventAccumulator(str(work / "tensorboard")).Reload()
    for column in ("entropy", "reward", "response_length"):
        logged = {event.step: event.value for event in events.Scalars(f"bench/{column}")}
        assert logged == pytest.approx({line["step"]: line[column] for line in lines})
    assert "actor/grad_norm" in events.Tags()["scalars"]  # verl's own
    (run_file,) = work.glob(f"wandb/offline-run-*/run-{work.name}.wandb")
    assert run_file.stat().st_size > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["grpo-1", "steer-1"])
def test_an_engine_in_bf16_is_seen_and_weighted(trained, name):
    """In float32 the two are 1e-6 nats apart (test_session.py). A mean weight is near 1: E_engine[π/π_engine] = 1."""
    trained, _ = trained
    text = (trained / f"results/smoke/train/{name}/steps.jsonl").read_text()
    for line in map(json.loads, text.splitlines()):
        assert 1e-3 < line["engine_log_prob_difference"] < 0.1
        assert 0 < abs(line["engine_weight"] - 1) < 0.02
