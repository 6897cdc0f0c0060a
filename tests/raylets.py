"""A Ray cluster of two nodes on this machine, as somebody else would have started it; one of them can be lost."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from stages.common.supervise import MARK
from tests.project import ROOT

START = 120.0  # seconds for both nodes


class Cluster:
    """`address`: that of the first node. Both have one logical GPU, and ask for no token."""

    def __init__(self, address: str, variables: dict[str, str]):
        self.address, self._variables = address, variables
        self._nodes: list[subprocess.Popen] = []

    def start(self, *more: str) -> None:
        """A node; the arguments of `ray start` beside those that both have."""
        ray = [str(Path(sys.executable).with_name("ray")), "start", "--num-cpus=12", "--num-gpus=1", "--block"]
        ray += ["--object-store-memory=300000000", "--disable-usage-stats", "--node-ip-address=127.0.0.1", *more]
        self._nodes.append(subprocess.Popen(ray, env=self._variables, start_new_session=True))

    def join(self) -> None:
        """A second node, which is there when this returns."""
        self.start(f"--address={self.address}")
        _wait_for_two(self.address)

    def lose(self) -> None:
        """Kills the node that was started last with all below it, as a machine that stops."""
        process = self._nodes.pop()
        below = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        for each in [process, *below]:
            with suppress(ProcessLookupError):
                os.kill(each.pid, signal.SIGKILL)
        process.wait()

    def end(self) -> None:
        while self._nodes:
            self.lose()


@contextmanager
def two_raylets() -> Iterator[Cluster]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_AUTH_MODE", "disabled")  # of who joins as well
        variables = os.environ | {
            "PYTHONPATH": str(ROOT),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_memory_monitor_refresh_ms": "0",
            "RAY_enable_worker_prestart": "0",
        }
        cluster = Cluster(f"127.0.0.1:{port}", variables)
        try:
            cluster.start("--head", f"--port={port}", "--include-dashboard=false")
            cluster.join()
            yield cluster
        finally:
            cluster.end()


def _wait_for_two(address: str) -> None:
    program = (
        f"import ray, time; ray.init('{address}', log_to_driver=False)\n"
        "while sum(node['Alive'] for node in ray.nodes()) < 2: time.sleep(0.2)"
    )
    last = time.monotonic() + START
    while subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=START).returncode:
        assert time.monotonic() < last, "the first raylet did not come up"


def left_of(mark: Path) -> list[psutil.Process]:
    """Processes below this one that carry the mark of a session."""
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if str(mark) in _environment(process).get(MARK, "")
    ]


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}
