"""A Ray cluster that stands: what is passed on to its processes, and a training of two data-parallel ranks on two raylets."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from stages.backend.environment import OF_ONE_MACHINE, PASSED_ON, environment, passed_on
from stages.backend.session import Run, meeting_place, train
from stages.common.supervise import MARK
from stages.profile.params import load
from stages.profile.plans.operation import Operation
from stages.profile.resolution import training_plan
from tests.project import ONE_CORE, ROOT, copy_project, run

BACKEND = load(ROOT / "profiles/smoke.yaml").backend
SMALL = {"prompts_per_step": 4, "updates_per_step": 2, "micro_batch": 8, "steps": 2, "checkpoint_every": 1}


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


def test_no_cluster_at_an_address_is_one_line():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        done = subprocess.run(
            [sys.executable, "-m", "stages.backend.cluster", address, "mark"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "RAY_gcs_rpc_server_reconnect_timeout_s": "1"},
        )
    assert done.returncode == 1 and "no Ray cluster answers" in done.stderr and "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def cluster():
    """The address of a cluster of two raylets on this machine, with one logical GPU each, that asks for no token."""
    patched = pytest.MonkeyPatch()
    patched.setenv("RAY_AUTH_MODE", "disabled")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_memory_monitor_refresh_ms": "0",
    }
    variables |= {"RAY_enable_worker_prestart": "0"}
    ray = [str(Path(sys.executable).with_name("ray")), "start", "--num-cpus=12", "--num-gpus=1", "--block"]
    ray += ["--object-store-memory=300000000", "--disable-usage-stats", "--node-ip-address=127.0.0.1"]
    head = [*ray, "--head", f"--port={port}", "--include-dashboard=false"]
    started = [subprocess.Popen(head, env=variables, start_new_session=True)]
    started.append(subprocess.Popen([*ray, f"--address=127.0.0.1:{port}"], env=variables, start_new_session=True))
    address, last = f"127.0.0.1:{port}", time.monotonic() + 120
    count = (
        f"import ray; ray.init('{address}', log_to_driver=False); print('nodes', sum(n['Alive'] for n in ray.nodes()))"
    )
    while "nodes 2" not in subprocess.run([sys.executable, "-c", count], capture_output=True, text=True).stdout:
        assert time.monotonic() < last, "the two raylets did not come up"
        time.sleep(1)
    yield address
    for process in started:
        below = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        for each in [process, *below]:
            try:
                os.kill(each.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()
    patched.undo()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = copy_project(tmp_path_factory.mktemp("cluster") / "project")
    done = run(project, "dvc", "repro", "prepare@smoke", "model@smoke")
    assert done.returncode == 0, done.stderr
    return project


def trained(project: Path, name: str, operation: Operation, **backend: object) -> list[dict]:
    """The step log of a small run of grpo."""
    params = load(ROOT / "profiles/smoke.yaml")
    optimiser = params.train.optimiser.model_copy(update={"warm_up_steps": 0})
    changed = {"backend": params.backend.model_copy(update=ONE_CORE | {"share_session": False, **backend})}
    params = params.model_copy(
        update={"train": params.train.model_copy(update=SMALL | {"optimiser": optimiser}), **changed}
    )
    one = Run(training_plan(params, "grpo", 1), project / "work/cluster" / name / "grpo-1")
    data, model = project / "results/smoke/data/train/lab.parquet", project / "results/smoke/model"
    assert train([one], data, model, lambda: None, operation) == {}
    return [json.loads(line) for line in one.steps.read_text().splitlines()]


@pytest.mark.slow
def test_two_ranks_on_two_nodes_train_as_one_rank_does(project, cluster):
    """The first step has the same policy and the same samples, so all its numbers agree up to the order of sums."""
    joined = Operation(profile="smoke", ray_address=cluster)
    two = trained(project, "two", joined, nodes=2, ray_address=cluster)
    one = trained(project, "one", Operation(profile="smoke"))
    assert len(two) == len(one) == SMALL["steps"]
    for column in ("entropy", "reward", "response_length", "gradient_norm"):
        assert two[0][column] == pytest.approx(one[0][column], rel=1e-3)


@pytest.mark.slow
def test_nothing_of_the_session_is_left_on_any_node(project, cluster):
    """Of the training above; the raylets themselves stay."""
    mark = str(project / "work/cluster/two/grpo-1")
    left = [
        process
        for process in psutil.Process().children(recursive=True)
        if mark in environment_of(process).get(MARK, "")
    ]
    assert left == []


def environment_of(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}
