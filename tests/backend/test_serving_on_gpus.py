"""What sampling on GPUs asks of vLLM, as vLLM's own parser and its own settings read it."""

import json
import os
import subprocess
import sys

import pytest

from stages.backend.environment import environment
from stages.backend.server import command
from stages.profile.params import load
from stages.profile.resolution import plans
from tests.project import ROOT

pytestmark = pytest.mark.slow  # imports vLLM, in a process that has the environment of the server
PARSED = """
import json, sys
from vllm import envs
from vllm.entrypoints.openai.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser
arguments = make_arg_parser(FlexibleArgumentParser()).parse_args(sys.argv[1:])
names = ("data_parallel_size", "tensor_parallel_size", "max_model_len", "max_num_seqs", "gpu_memory_utilization")
found = {name: getattr(arguments, name) for name in names}
found |= {"flashinfer": envs.VLLM_USE_FLASHINFER_SAMPLER, "invariant": envs.VLLM_BATCH_INVARIANT}
print(json.dumps(found))
"""


@pytest.mark.parametrize("engine_devices, deterministic", [(1, False), (2, True)])
def test_every_gpu_samples(engine_devices, deterministic):
    """One server, a copy of the model on each GPU, or on as many as one copy needs."""
    params = load(ROOT / "profiles/steer-qwen2.5-math-7b.yaml")
    changes = {"engine_devices": engine_devices, "deterministic": deterministic}
    plan = plans(params.model_copy(update={"backend": params.backend.model_copy(update=changes)}))["sample"]
    asked = command(ROOT / "model", 8000, plan)
    assert asked[1:3] == ["-m", "vllm.entrypoints.openai.api_server"]
    done = subprocess.run(
        [sys.executable, "-c", PARSED, *asked[3:]],
        cwd=ROOT,
        env={**os.environ, **environment(plan.backend)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "data_parallel_size": params.backend.devices // engine_devices,
        "tensor_parallel_size": engine_devices,
        "max_model_len": plan.context_length,
        "max_num_seqs": plan.concurrency,
        "gpu_memory_utilization": params.backend.engine_memory_share,
        "flashinfer": False,
        "invariant": deterministic,
    }
