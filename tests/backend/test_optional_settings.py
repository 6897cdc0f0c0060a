"""Settings of `backend` that no shipped profile has: loggers, which no result depends on, and Ray's address. Loggers are in use
in tests/pipeline/test_end_to_end.py.
"""

import sys
from importlib.util import find_spec

import pytest
import yaml

from stages.backend.config import session_settings
from stages.backend.loggers import assert_loggers, variables
from stages.common.files import InputError
from stages.common.yaml_reader import safe_load
from stages.profile.params import load
from stages.profile.plans.operation import FILE, Operation
from stages.profile.resolution import plans
from tests.project import ROOT


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
