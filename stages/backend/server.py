"""`vllm serve` on a loopback port, for sampling: one model, or one after another where a session is shared."""

import http.client
import json
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from subprocess import Popen
from typing import Any

from stages.backend.environment import environment
from stages.backend.forking import forking
from stages.common.files import InputError, sha256
from stages.common.supervise import ProcessFailed, last_lines, supervised
from stages.profile.plans.sample import SamplePlan

SERVED_NAME = "model"
SERVER = "vllm.entrypoints.openai.api_server"
START_SECONDS = 900.0  # loading a 7B model from a cold disk takes minutes
WORKER_EXTENSION = "stages.backend.served_weights.ServedWeights"


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


def arguments_of_python(model: Path, port: int, plan: SamplePlan) -> list[str]:
    """The command line of the server, without `python`."""
    backend = plan.backend
    options: dict[str, Any] = {
        "model": model,
        "served-model-name": SERVED_NAME,
        "host": "127.0.0.1",
        "port": port,
        "dtype": backend.dtype,
        "seed": plan.bench_seed,
        "max-model-len": plan.context_length,
        "max-num-seqs": plan.concurrency,
        "generation-config": "vllm",  # requests state every sampling setting: nothing comes from the model's folder
    }
    if backend.engine_memory_share is not None:
        options["gpu-memory-utilization"] = backend.engine_memory_share
    if backend.platform == "cuda":
        options |= {
            "tensor-parallel-size": backend.engine_devices,
            "data-parallel-size": backend.devices // backend.engine_devices,
        }
    if backend.share_session:
        options["worker-extension-cls"] = WORKER_EXTENSION
    flags = []
    if backend.platform == "cpu":  # as in config.py
        options |= {
            "distributed-executor-backend": "uni",
            "max-num-batched-tokens": max(4096, plan.context_length),
        }
        flags = ["--enforce-eager", "--no-enable-chunked-prefill"]
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    return ["-m", SERVER, *arguments, *flags]


@contextmanager
def serving(model: Path, port: int, plan: SamplePlan, log: Path, *marks: Path) -> Iterator[Popen]:
    """The server's process, which may still be starting; `log` and `marks` as in `supervised`."""
    variables = environment(plan.backend)
    if plan.backend.share_session:
        # vLLM's development mode: whoever reaches the server may call any method of its worker, without a password.
        # That is acceptable only because it listens on 127.0.0.1, and ends with the sampling.
        variables["VLLM_SERVER_DEV_MODE"] = "1"
    # The server starts its engine, which would import everything a second time. On GPUs it does: CUDA and forks disagree.
    on_cpu = plan.backend.platform == "cpu"
    python = forking(SERVER, "vllm.v1.engine.core") if on_cpu else nullcontext(sys.executable)
    with (
        python as program,
        supervised([program, *arguments_of_python(model, port, plan)], variables, log, *marks) as process,
    ):
        yield process


def without_weights(model: Path) -> dict[str, str]:
    """The sha256 of what is in a model's folder beside the weights; one server can serve models in which it is equal."""
    return {path.name: sha256(path) for path in model.iterdir() if path.suffix != ".safetensors"}


def load(port: int, model: Path) -> None:
    """Has the server serve the weights in `model`; ProcessFailed unless these are what it then computes with."""
    _call(port, "collective_rpc", {"method": "serve_weights", "kwargs": {"folder": str(model)}})
    if not _call(port, "reset_prefix_cache")["success"]:
        raise ProcessFailed(
            "failed: the server did not empty its prefix cache, which holds what the last model computed"
        )
    check(port, model)


def check(port: int, model: Path) -> None:
    """ProcessFailed unless the server computes with the weights in `model`."""
    answer = _call(port, "collective_rpc", {"method": "weights_digests", "kwargs": {"folder": str(model)}})
    for digests in answer["results"]:
        if digests["served"] != digests["asked"]:
            raise ProcessFailed(f"failed: the server computes with other weights than those in {model}")


def _call(port: int, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/{path}", json.dumps(body or {}).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        reason = json.load(error)["error"]["message"]
        raise ProcessFailed(f"failed: the server refused {path}: {' '.join(reason.split())}")
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        raise ProcessFailed(f"failed: the server does not answer {path} ({type(error).__name__}: {error})")


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
