"""What a profile asks for before anything is started: runs, steps, tokens, disk, and an estimate of GPU hours.

    python -m stages.tools.estimate [profile.yaml]        params.yaml unless another is named; --help lists the assumptions

Every number but the GPU hours follows from the profile. Those are an estimate from counted operations, with assumed
constants that are printed beside it and can be given as options.
"""

import argparse
import re
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from stages.common.command import run_stage
from stages.common.files import InputError
from stages.methods import build
from stages.profile.effective_protocol import effective_protocol
from stages.profile.params import Params, load
from stages.profile.sections.model import Model
from stages.profile.sections.train import Train
from stages.rl.batch import TrainingStep
from stages.rl.method import Method

CHECKPOINT_BYTES = 4 + 8 + 4  # a parameter: weights and Adam's two moments in float32, and the HF export
CHECKPOINTS_KEPT = 2  # stages/backend/config.py


class Assumptions(NamedTuple):
    """What an estimate of hours rests on besides the profile. Nothing here was measured by this project."""

    parameters: float
    peak: float = 312.0  # dense bfloat16 TFLOP/s of an A100, NVIDIA's data sheet
    training_utilisation: float = 0.3
    sampling_utilisation: float = 0.05


class Work(NamedTuple):
    """One run, at most: every prompt and response as long as allowed."""

    updates: int
    sampled: int  # response tokens
    trained: int  # response tokens, counted once an epoch
    passes: int  # passes without gradient over the step's responses: old policy, reference, look ahead
    sequences: int  # prompt and response tokens of all responses, once
    epochs: int
    resamples: bool  # groups are replaced, so that `sampled` and the hours are no upper bound


def work(method: Method, train: Train) -> Work:
    responses = train.steps * train.prompts_per_step * train.responses_per_prompt
    epochs = method.settings.epochs
    ahead = epochs if method.batch_statistics == "current_policy" else 0
    first = TrainingStep(1, train.steps, method.initial_state())
    return Work(
        updates=train.steps * epochs * (method.settings.updates_per_step or train.updates_per_step),
        sampled=responses * train.max_response_tokens,
        trained=epochs * responses * train.max_response_tokens,
        passes=1 + (method.reference != "none") + ahead,
        sequences=responses * (train.max_prompt_tokens + train.max_response_tokens),
        epochs=epochs,
        resamples=method.rollout(first).resample_uniform_groups,
    )


def gpu_hours(work: Work, assumed: Assumptions) -> float:
    """Of N parameters: 2N operations a token sampled or passed, 8N a token updated (2N forward, 4N backward, 2N again for
    gradient checkpointing). Attention's own operations, weight transfers and waiting are left to the utilisations.
    """
    sampling = 2 * assumed.parameters * work.sequences / assumed.sampling_utilisation
    updating = (2 * work.passes + 8 * work.epochs) * assumed.parameters * work.sequences / assumed.training_utilisation
    return (sampling + updating) / (assumed.peak * 1e12) / 3600


def parameters_of(model: Model) -> float | None:
    """From a size such as 7B or 135M in the model's name; None where it has none."""
    found = re.search(r"(?<![a-zA-Z0-9.])(\d+(?:\.\d+)?)([BM])(?![a-zA-Z0-9])", model.name)
    return float(found[1]) * {"B": 1e9, "M": 1e6}[found[2]] if found else None


def table(params: Params, assumed: Assumptions | None) -> pd.DataFrame:
    """One row a method, for all its seeds together; tokens in millions, GPU hours NaN without `assumed`."""
    rows, seeds = [], len(params.seeds)
    for name in params.methods:
        method, settings = params.method_of(name)
        asked = work(build(method, settings), params.train)
        rows.append(
            {
                "run": name if name == method else f"{name} ({method})",
                "seeds": seeds,
                "updates a run": asked.updates,
                "sampled, M tokens": seeds * asked.sampled / 1e6,
                "trained, M tokens": seeds * asked.trained / 1e6,
                "GPU hours": seeds * gpu_hours(asked, assumed) if assumed else float("nan"),
                "note": "more: groups are sampled again" if asked.resamples else "",
            }
        )
    return pd.DataFrame(rows)


def describe(params: Params, assumed: Assumptions | None) -> str:
    found, train = table(params, assumed), params.train
    protocol = effective_protocol(params.evaluation, params.data.prompt, len(params.seeds))
    runs = len(params.methods) * len(params.seeds)
    numeric = ["sampled, M tokens", "trained, M tokens", "GPU hours"]
    total = {"run": "all", "seeds": runs, "updates a run": "", **found[numeric].sum().to_dict(), "note": ""}
    shown = pd.concat([found.astype(object), pd.DataFrame([total], dtype=object)])
    for column in numeric:
        shown[column] = shown[column].map(("{:,.0f}" if column == "GPU hours" else "{:,.2f}").format)
    shown = shown.drop(columns=[] if assumed else ["GPU hours"])
    evaluated = ", ".join(f"{name} ×{k}" for name, k in protocol.samples.items())
    models = 1 + runs + len(params.models)
    lines = [
        f"profile {params.profile}: {len(params.methods)} names under `methods`, {len(params.seeds)} under `seeds`: {runs} runs of "
        f"{train.steps} steps",
        f"a step: {train.prompts_per_step} prompts × {train.responses_per_prompt} responses of at most "
        f"{train.max_prompt_tokens} + {train.max_response_tokens} tokens",
        "",
        shown.to_markdown(
            index=False, disable_numparse=True, colalign=["left", *["right"] * (len(shown.columns) - 2), "left"]
        ),
        "",
        "tokens: response tokens, at most, were every response as long as allowed; trained: once an epoch",
        f"evaluated: {models} models on {evaluated} (samples a problem); not in the hours",
    ]
    if assumed is None:
        return "\n".join([*lines, "disk: not known, for want of the model's size", _no_hours(params)])
    gigabytes = CHECKPOINTS_KEPT * CHECKPOINT_BYTES * assumed.parameters / 1e9
    lines.append(
        f"disk: {runs * gigabytes:,.1f} GB of checkpoints in work/ ({CHECKPOINTS_KEPT} a run, {CHECKPOINT_BYTES} bytes a "
        f"parameter, {gigabytes:,.1f} GB a run), and {runs * 4 * assumed.parameters / 1e9:,.1f} GB of trained models at most"
    )
    if params.backend.platform == "cpu":
        return "\n".join([*lines, _no_hours(params)])
    hours = float(found["GPU hours"].sum())
    lines += [
        f"GPU hours: {hours:,.0f}, that is {hours / params.backend.devices / 24:,.1f} days of {params.backend.devices} GPUs. "
        "An estimate, not a measurement:",
        "  N·tokens·(2/u_s + (2·passes + 8·epochs)/u_t) / peak; tokens: prompts and responses, at most;",
        "  passes without gradient: the old policy's, a reference's, and one a method takes over the mini-batch (docs/methods.md)",
        f"  N = {assumed.parameters:.3g} parameters (--parameters; the size in the model's name)",
        f"  peak = {assumed.peak:g} TFLOP/s (--peak; an A100's, dense bfloat16)",
        f"  u_t = {assumed.training_utilisation:g} of it reached in training (--training-utilisation; assumed)",
        f"  u_s = {assumed.sampling_utilisation:g} of it reached in sampling (--sampling-utilisation; assumed)",
    ]
    return "\n".join(lines)


def _no_hours(params: Params) -> str:
    if params.backend.platform == "cpu":
        return "GPU hours: none, the profile runs on a CPU; README has what was measured"
    return "GPU hours: not estimated, the model's name holds no size; give --parameters, such as 7e9"


def main(arguments: list[str]) -> None:
    defaults = Assumptions._field_defaults
    parser = argparse.ArgumentParser(
        prog="python -m stages.tools.estimate", description="What a profile asks for; starts nothing"
    )
    parser.add_argument("profile", nargs="?", type=Path, default=Path("params.yaml"))
    parser.add_argument("--parameters", type=float, help="of the model; default: the size in its name")
    parser.add_argument("--peak", type=float, default=defaults["peak"], help="TFLOP/s of one GPU")
    for name in ("training_utilisation", "sampling_utilisation"):
        words = f"share of the peak that is reached, default {defaults[name]}"
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=defaults[name], help=words)
    options = parser.parse_args(arguments)
    for name in ("parameters", "peak"):
        value = getattr(options, name)
        if value is not None and not value > 0:
            raise InputError(f"--{name}: {value:g} is not above 0; give a positive number")
    for name in ("training_utilisation", "sampling_utilisation"):
        if not 0 < getattr(options, name) <= 1:
            raise InputError(f"--{name.replace('_', '-')}: {getattr(options, name):g} is no share; give one in (0, 1]")
    params = load(options.profile)
    parameters = options.parameters or parameters_of(params.model)
    shares = (options.training_utilisation, options.sampling_utilisation)
    print(describe(params, Assumptions(parameters, options.peak, *shares) if parameters else None))


if __name__ == "__main__":
    run_stage(main)
