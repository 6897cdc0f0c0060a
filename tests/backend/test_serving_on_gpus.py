"""What sampling on GPUs asks of vLLM, as vLLM's own parser and its own settings read it."""

import json
import os
import subprocess
import sys

import pytest

from stages.backend.environment import environment
from stages.backend.server import arguments_of_python
from stages.profile.params import load
from stages.profile.resolution import plans
from tests.project import ROOT

pytestmark = pytest.mark.slow  # imports vLLM, in a process that has the environment of the server
PARSED = """
import json, os, sys
from vllm import envs
from vllm.entrypoints.openai.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser
names = ("data_parallel_size", "tensor_parallel_size", "max_model_len", "max_num_seqs", "gpu_memory_utilization")
for variables, arguments in json.load(sys.stdin):
    os.environ.update(variables)
    arguments = make_arg_parser(FlexibleArgumentParser()).parse_args(arguments)
    found = {name: getattr(arguments, name) for name in names}
    found |= {"flashinfer": envs.VLLM_USE_FLASHINFER_SAMPLER, "invariant": envs.VLLM_BATCH_INVARIANT}
    print(json.dumps(found))
"""
CASES = [(1, False), (2, True)]  # devices of one copy of the model, whether sampling is deterministic


def test_every_gpu_samples():
    """One server, a copy of the model on each GPU, or on as many as one copy needs."""
    params = load(ROOT / "profiles/steer-qwen2.5-math-7b.yaml")
    asked, expected = [], []
    for engine_devices, deterministic in CASES:
        changes = {"engine_devices": engine_devices, "deterministic": deterministic}
        plan = plans(params.model_copy(update={"backend": params.backend.model_copy(update=changes)}))["sample"]
        option, module, *arguments = arguments_of_python(ROOT / "model", 8000, plan)
        assert (option, module) == ("-m", "vllm.entrypoints.openai.api_server")
        asked.append((environment(plan.backend), arguments))
        expected.append(
            {
                "data_parallel_size": params.backend.devices // engine_devices,
                "tensor_parallel_size": engine_devices,
                "max_model_len": plan.context_length,
                "max_num_seqs": plan.concurrency,
                "gpu_memory_utilization": params.backend.engine_memory_share,
                "flashinfer": False,
                "invariant": deterministic,
            }
        )
    done = subprocess.run(
        [sys.executable, "-c", PARSED],
        input=json.dumps(asked),
        cwd=ROOT,
        env={**os.environ, **asked[0][0]},
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert [json.loads(line) for line in done.stdout.splitlines()[-len(CASES) :]] == expected
