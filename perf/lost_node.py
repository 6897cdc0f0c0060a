"""A training on two nodes that loses one of them: how it ends, and what becomes of it when the node is back.

    .venv/train/bin/python -m perf.lost_node

Two raylets on this machine are a cluster that `dvc repro` joins (`backend.nodes: 2`). GRPO of profile smoke takes four steps,
a checkpoint after each: first undisturbed; then again from nothing, until after the second step a node is killed with all that
runs on it. When `dvc repro` has ended, the node is started again, and `dvc repro` is run once more. Exit status 1 unless it goes
on from a checkpoint and ends in the bytes of the undisturbed run.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stages.common.command import expect, run_stage
from tests.project import clean_environment, copy_project, set_params
from tests.raylets import Cluster, left_of, two_raylets

RUN, STEPS, LOST_AFTER = "grpo-1", 4, 2
TARGET = f"train@smoke-{RUN}"
PATIENCE = 1200.0  # seconds for one training


def main(arguments: list[str]) -> None:
    expect(arguments, "perf.lost_node")
    with tempfile.TemporaryDirectory() as folder, two_raylets() as cluster:
        project = copy_project(Path(folder) / "project")
        small = {"methods": ["grpo"], "method_settings": {}, "train__steps": STEPS, "train__checkpoint_every": 1}
        small |= {"train__optimiser__warm_up_steps": 0, "train__micro_batch": 16}
        on_both = {"nodes": 2, "ray_address": cluster.address, "share_session": False, "threads": 1}
        set_params(project, **small, **{f"backend__{name}": value for name, value in on_both.items()})
        started = time.monotonic()
        assert _repro(project).wait(PATIENCE) == 0
        print(f"undisturbed: {time.monotonic() - started:.0f} s", flush=True)
        undisturbed = _steps(project)
        for made in ("results/smoke/train", "work", ".dvc/cache"):
            shutil.rmtree(project / made)
        _lose_in_the_middle(project, cluster)
        cluster.join()
        started = time.monotonic()
        again = _repro(project)
        assert again.wait(PATIENCE) == 0, "did not go on"
        print(f"the node is back: ended well after {time.monotonic() - started:.0f} s", flush=True)
        same = _steps(project) == undisturbed
        print("the same bytes as undisturbed" if same else "OTHER bytes than undisturbed")
    if not same:
        sys.exit(1)


def _lose_in_the_middle(project: Path, cluster: Cluster) -> None:
    process = _repro(project)
    last = time.monotonic() + PATIENCE
    while not _logged(project) >= LOST_AFTER:
        assert process.poll() is None and time.monotonic() < last, "ended before a node was lost"
        time.sleep(0.2)
    cluster.lose()
    lost = time.monotonic()
    status = process.wait(PATIENCE)
    print(
        f"a node lost after step {_logged(project)}: status {status} after {time.monotonic() - lost:.0f} s", flush=True
    )
    assert status != 0, "ended well without a node"
    left = left_of(project / "work")
    print(f"left running of it: {[each.name() for each in left] or 'nothing'}", flush=True)


def _repro(project: Path) -> subprocess.Popen[bytes]:
    dvc = project / ".venv/train/bin/dvc"
    return subprocess.Popen([dvc, "repro", TARGET], cwd=project, env=clean_environment(), stdout=sys.stderr)


def _logged(project: Path) -> int:
    logs = list((project / "work/smoke/train").glob(f"{RUN}-*/steps.jsonl"))
    return logs[0].read_bytes().count(b"\n") if logs else 0


def _steps(project: Path) -> bytes:
    return (project / f"results/smoke/train/{RUN}/steps.jsonl").read_bytes()


if __name__ == "__main__":
    run_stage(main)
