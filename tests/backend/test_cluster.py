"""A Ray cluster that stands: what is passed on to its processes. One is trained on in test_session.py."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stages.backend.environment import OF_ONE_MACHINE, PASSED_ON, environment, passed_on
from stages.backend.session import meeting_place
from stages.common.files import InputError
from stages.common.supervise import MARK
from stages.common.yaml_reader import read_yaml
from stages.profile.params import load
from stages.profile.plans.operation import Operation
from stages.profile.plans.train import TrainPlan
from stages.profile.resolution import training_plan
from tests.project import ROOT

BACKEND = load(ROOT / "profiles/smoke.yaml").backend


def test_a_session_on_one_machine_listens_there_and_one_in_a_cluster_does_not():
    alone, joined = environment(BACKEND), environment(BACKEND, joins=True)
    assert alone.items() >= OF_ONE_MACHINE.items() and not OF_ONE_MACHINE.keys() & joined.keys()
    assert PASSED_ON not in alone


def test_ranks_meet_at_a_file_that_does_not_stay_and_in_a_cluster_at_none():
    with meeting_place(Operation(profile="x")) as given:
        folder = Path(given["DIST_INIT_METHOD"].removeprefix("file://")).parent
        assert folder.is_dir() and list(given) == ["DIST_INIT_METHOD"]
    assert not folder.exists()
    with meeting_place(Operation(profile="x", ray_address="auto")) as given:
        assert given == {}


def test_what_is_passed_on_is_what_a_session_on_one_machine_has(monkeypatch):
    given = environment(BACKEND, joins=True)
    for name, value in (given | {MARK: "/a/run/session_log.txt"}).items():
        monkeypatch.setenv(name, value)
    found = passed_on()
    assert found[MARK] == "/a/run/session_log.txt"
    ours = {name for name in environment(BACKEND) if not name.startswith("RAY_")} - OF_ONE_MACHINE.keys()
    assert ours <= found.keys() and all(found[name] == given[name] for name in ours)
    monkeypatch.delenv(PASSED_ON)
    assert passed_on() == {}


@pytest.mark.parametrize("auto", [False, True])  # auto: RAY_ADDRESS names it
def test_no_cluster_at_an_address_is_one_line(auto):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        done = subprocess.run(
            [sys.executable, "-m", "stages.backend.cluster", "auto" if auto else address, "mark"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ | ({"RAY_ADDRESS": address} if auto else {}),
            timeout=60,
        )
    assert done.returncode == 1 and "no Ray cluster answers" in done.stderr and "Traceback" not in done.stderr


def test_the_plan_of_a_run_on_two_nodes_reads_back(tmp_path):
    """Though it has no address, which is operation and part of no fingerprint."""
    content = read_yaml(ROOT / "profiles/smoke.yaml")
    content["train"]["micro_batch"] = 16
    content["backend"] |= {"nodes": 2, "ray_address": "auto"}
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(content))
    plan = training_plan(load(tmp_path / "two.yaml"), "grpo", 1)
    (tmp_path / "plan.json").write_text(plan.text())
    read = TrainPlan.read(tmp_path / "plan.json")
    assert read.text() == plan.text() and (read.backend.nodes, read.backend.ray_address) == (2, "local")
    del content["backend"]["ray_address"]
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=r"backend.nodes: 2 nodes need a Ray cluster that stands"):
        load(tmp_path / "two.yaml")
