"""`vllm serve` on a loopback port, for sampling."""

import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from subprocess import Popen
from typing import Any

from stages.files import InputError
from stages.supervise import ProcessFailed, last_lines

SERVED_NAME = "model"
START_SECONDS = 900.0  # loading a 7B model from a cold disk takes minutes


def choose_port(wanted: int) -> int:
    """`wanted`, or a free port if it is 0; InputError when `wanted` is in use."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise InputError(
                f"backend.port: {wanted} cannot be used ({error.strerror}); choose another, or 0 for a free one"
            )
        return probe.getsockname()[1]


def command(model: Path, port: int, seed: int, settings: dict[str, Any]) -> list[str]:
    """The command line of the server; `settings` are those of the sample plan."""
    backend = settings["backend"]
    options: dict[str, Any] = {
        "model": model,
        "served-model-name": SERVED_NAME,
        "host": "127.0.0.1",
        "port": port,
        "dtype": backend["dtype"],
        "seed": seed,
        "max-model-len": settings["context_length"],
        "max-num-seqs": settings["concurrency"],
        "generation-config": "vllm",  # requests state every sampling setting: nothing comes from the model's folder
    }
    if backend["engine_memory_share"] is not None:
        options["gpu-memory-utilization"] = backend["engine_memory_share"]
    flags = []
    if backend["platform"] == "cpu":  # as in config.py
        options |= {
            "distributed-executor-backend": "uni",
            "max-num-batched-tokens": max(4096, settings["context_length"]),
        }
        flags = ["--enforce-eager", "--no-enable-chunked-prefill"]
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    return [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *arguments, *flags]


def wait_until_ready(process: Popen, port: int, log: Path) -> None:
    """Returns when the server answers; ProcessFailed when it ends first or takes longer than START_SECONDS."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ProcessFailed(f"ended with status {process.returncode} before it answered; {last_lines(log)}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.25)
    raise ProcessFailed(f"did not answer within {START_SECONDS:.0f} s; {last_lines(log)}")
