"""A Ray cluster that others started: whether its nodes can train together, and an end to what a session left on them.

    python -m stages.backend.cluster ADDRESS MARK ...    ends what sessions with one of the marks left, on every node

Ray ends a session's actors with the session, and not the processes that these have started. A mark is a file of the run's
work folder, as in stages/common/supervise.py, whose name every process of the session has in its environment.
"""

import os
import socket
import sys
import time
import uuid
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from stages.common.files import InputError, write_text
from stages.common.supervise import end_left

SECONDS_TO_ANSWER = 10.0
AUTO = "auto"  # the cluster that RAY_ADDRESS names, or that this machine belongs to
SECONDS = 120.0  # that a node is waited for: its first worker imports what it needs


class Seen(NamedTuple):
    """What a process on a node sees: what is in the file it was asked for, None without one; the folder of its environment and its verl."""

    text: str | None
    environment: str
    verl: str


def check_nodes(nodes: int, devices: int, work: Path) -> None:
    """InputError unless `nodes` nodes of the joined cluster have `devices` GPUs each, and all see `work` and run this Python."""
    alive = [node for node in ray.nodes() if node["Alive"]]
    able = [node for node in alive if node["Resources"].get("GPU", 0) >= devices]
    if len(able) < nodes:
        raise InputError(
            f"backend.nodes: {nodes} nodes of {devices} devices are asked for, and {len(able)} of the Ray cluster's {len(alive)} have "
            "so many; wait for the others, start them, or change backend.nodes and backend.devices"
        )
    token, text = work / "seen_by_all_nodes.txt", uuid.uuid4().hex
    write_text(token, text)
    mine = see(str(token))
    for node, seen in zip(alive, on_nodes(alive, see, str(token)), strict=True):
        name = node["NodeManagerHostname"]
        if seen.text != mine.text:
            raise InputError(f"work/: node {name} does not see {work}; put the project on a disk that all nodes share")
        if seen != mine:
            raise InputError(
                f"node {name} runs {seen.environment} with verl {seen.verl}, this one {mine.environment} with {mine.verl}; start Ray on "
                "all nodes from the environment that make setup builds"
            )


def see(path: str) -> Seen:
    text = Path(path).read_text(encoding="utf-8") if Path(path).is_file() else None
    return Seen(text, os.path.realpath(sys.prefix), version("verl"))


def on_nodes(nodes: list[dict[str, Any]], function: Any, *arguments: Any) -> list[Any]:
    """`function(*arguments)` of each node, in a process there."""
    task = ray.remote(num_cpus=0)(function)
    asked = [
        task.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(*arguments)
        for node in nodes
    ]
    return ray.get(asked, timeout=SECONDS)


def wait_for(host: str, port: int) -> None:
    """OSError where nothing answers within `SECONDS_TO_ANSWER`: a cluster may just be starting."""
    last = time.monotonic() + SECONDS_TO_ANSWER
    while True:
        try:
            socket.create_connection((host, port), timeout=SECONDS_TO_ANSWER).close()
            return
        except OSError:
            if time.monotonic() > last:
                raise
            time.sleep(0.5)


def end_marked(marks: list[str]) -> int:
    return end_left([Path(mark) for mark in marks])


def main(address: str, marks: list[str]) -> None:
    named = os.environ.get("RAY_ADDRESS", "") if address == AUTO else address
    host, _, port = named.rpartition(":")
    if port.isdecimal():  # Ray itself tries for a quarter of an hour, and ends this process in its own words
        wait_for(host, int(port))
    # of this project, and without a mark: or it would end itself
    ray.init(address=address, runtime_env={"env_vars": {"PYTHONPATH": os.getcwd()}}, log_to_driver=False)
    alive = [node for node in ray.nodes() if node["Alive"]]
    for node, ended in zip(alive, on_nodes(alive, end_marked, marks), strict=True):
        print(f"{node['NodeManagerHostname']}: {ended} processes ended", flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2:])
    except OSError as error:  # ConnectionError among them
        sys.exit(f"no Ray cluster answers ({error})")
