"""What a step at the longest length measured, beside what the estimate assumes. Pure, but for the model's files."""

import math
from pathlib import Path
from typing import Any

from safetensors import safe_open

from stages.common.files import read_json
from stages.common.tables import markdown_table
from stages.profile.plans.train import TrainPlan
from stages.tools.estimation.hours import Assumptions, Work
from stages.tools.estimation.throughput import Throughput
from stages.tools.gpus import GIB, STATE_BYTES

LOGIT_BYTES = 18  # a token and word in an update: docs/gpu.md, 21 GiB for 8,192 tokens of 152,064 words
ASSUMED = Assumptions._field_defaults
PARTS = {  # verl's names
    "gen": "sampling",
    "old_log_prob": "log-probs of the old policy",
    "update_actor": "update",
    "update_weights": "weights to the engine",
    "save_checkpoint": "checkpoint",
}


def table(found: Throughput, clocks: dict[str, Any], plan: TrainPlan, work: Work, size: tuple[int, int]) -> str:
    """`clocks` are the step's line of timings.jsonl, `size` the model's parameters and words. Speeds are assumed for GPUs only."""
    seconds: dict[str, float] = clocks["seconds"]
    parameters, words = size
    state = STATE_BYTES * parameters / found.devices / GIB
    at_once = plan.backend.micro_batch_tokens or plan.train.micro_batch * found.tokens
    logits = LOGIT_BYTES * at_once * words / GIB
    gpu = plan.backend.platform == "cuda"
    tokens = work.sequences / plan.train.steps / found.devices
    sampling, training = (
        ASSUMED[f"{name}_utilisation"] * ASSUMED["peak"] * 1e12 / parameters for name in ("sampling", "training")
    )
    expected = {
        "gen": 2 * tokens / sampling,
        "old_log_prob": 2 * tokens / training,
        "update_actor": (8 * work.epochs + 2 * found.passes_in_update) * tokens / training,
    }

    allocated = clocks["actor/perf/max_memory_allocated_gb"]  # verl counts in GiB
    share = plan.backend.engine_memory_share
    engine = "none" if share is None else f"{share:g} of the GPU while the engine samples"

    def estimate(value: float | None, digits: int = 0) -> str:
        return f"{value:,.{digits}f}" if gpu and value is not None else "none"

    rows = [
        ["memory at the peak, GiB", f"{found.peak:.1f}", engine],
        ["of it the actor's, GiB", f"{allocated:.1f}", f"{state:.1f} for states and at most {logits:.1f} for logits"],
        ["tokens a second sampled by a device", f"{found.sampled:,.0f}", estimate(sampling / 2)],
        ["tokens a second passed by a device", f"{found.passed:,.0f}", estimate(training / 2)],
        [
            "tokens a second updated by a device",
            f"{found.updated:,.0f}",
            estimate(training / (8 + 2 * found.passes_in_update)),
        ],
    ]
    for part, words_of_it in PARTS.items():
        rows.append([f"seconds: {words_of_it}", f"{seconds[part]:,.1f}", estimate(expected.get(part), 1)])
    note = "" if gpu else "\nnone: the estimate assumes the speed of a GPU"
    return f"{markdown_table(['', 'measured', 'estimate'], rows, 'lrr')}{note}"


def size_of(model: Path) -> tuple[int, int]:
    """Parameters and words of the model in the folder, as its files say."""
    parameters = 0
    for file in model.glob("*.safetensors"):
        with safe_open(file, framework="pt") as tensors:
            names = tensors.keys()
            parameters += sum(math.prod(tensors.get_slice(name).get_shape()) for name in names)
    return parameters, read_json(model / "config.json")["vocab_size"]
