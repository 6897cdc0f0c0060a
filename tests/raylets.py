"""A Ray cluster of two nodes on this machine, as somebody else would have started it."""

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


@contextmanager
def two_raylets() -> Iterator[str]:
    """The address of a cluster of two raylets with one logical GPU each, that asks for no token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    started: list[subprocess.Popen] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_AUTH_MODE", "disabled")  # of who joins as well
        variables = os.environ | {
            "PYTHONPATH": str(ROOT),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_memory_monitor_refresh_ms": "0",
            "RAY_enable_worker_prestart": "0",
        }
        ray = [str(Path(sys.executable).with_name("ray")), "start", "--num-cpus=12", "--num-gpus=1", "--block"]
        ray += ["--object-store-memory=300000000", "--disable-usage-stats", "--node-ip-address=127.0.0.1"]
        head = ["--head", f"--port={address.partition(':')[2]}", "--include-dashboard=false"]
        try:
            started.append(subprocess.Popen([*ray, *head], env=variables, start_new_session=True))
            started.append(subprocess.Popen([*ray, f"--address={address}"], env=variables, start_new_session=True))
            _wait_for_two(address)
            yield address
        finally:
            for process in started:
                below = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
                for each in [process, *below]:
                    with suppress(ProcessLookupError):
                        os.kill(each.pid, signal.SIGKILL)
                process.wait()


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
