"""What a profile asks for before anything is started: runs, steps, tokens, disk, an estimate of GPU hours, and which
published numbers it can get a verdict on.

    python -m stages.tools.estimate [profile.yaml]        params.yaml unless another is named; --help lists the assumptions

Every number but the GPU hours follows from the profile. Those are an estimate from counted operations, with assumed
constants that are printed beside it and can be given as options.
"""

import argparse
import re
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from stages.benchmarks import find
from stages.common.command import run_stage
from stages.common.files import InputError
from stages.datasets.laboratory import LAB_BENCHMARKS
from stages.datasets.sources import load_sources
from stages.lab.problems import LEVELS
from stages.methods import build
from stages.profile.checkpoints import candidates, kept_steps
from stages.profile.effective_protocol import effective_protocol
from stages.profile.params import Params, load
from stages.profile.sections.model import Model
from stages.profile.sections.train import Train
from stages.protocols.checkpoint import checkpoint_rule
from stages.rl.batch import TrainingStep
from stages.rl.batch_statistics import batch_of
from stages.rl.method import Method
from stages.tools.foreseen_verdicts import foreseen_verdicts

EXPORT_BYTES = 4  # a parameter: float32, whatever the dtype it is computed in
CHECKPOINT_BYTES = 4 + 8 + EXPORT_BYTES  # a parameter: weights and Adam's two moments in float32, and the HF export
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
    ahead = epochs if batch_of(method) == "current_policy" else 0
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


class Evaluated(NamedTuple):
    """What is sampled of `models` models on one benchmark."""

    models: int
    benchmark: str
    k: int
    problems: int | None  # None where only preparation can tell


def evaluated(params: Params) -> list[Evaluated]:
    """The last checkpoints, the base model, released ones and what rules choose, on all benchmarks; and every checkpoint on
    those that a rule looks at, the last one aside, whose samples are there.
    """
    protocol = effective_protocol(params.evaluation, params.data.prompt, len(params.seeds))
    runs = len(params.methods) * len(params.seeds)
    models = 1 + len(params.models) + runs * (1 + len(params.checkpoints))
    found = [(models, name) for name in protocol.samples]
    for text in params.checkpoints.values():
        rule = checkpoint_rule(text)
        found += [(runs * (len(candidates(rule, params.train)) - 1), name) for name in rule.benchmarks]
    return [Evaluated(count, name, protocol.samples[name], problems_of(name, params)) for count, name in found]


def problems_of(benchmark: str, params: Params) -> int | None:
    if benchmark in LAB_BENCHMARKS and params.data.lab:
        return len(LEVELS) * params.data.lab.test_per_level
    source = load_sources().get(find(benchmark).source)
    return source.usable[0].rows // source.usable[0].copies if source else None


def evaluation_tokens(params: Params) -> int:
    """Prompts and responses, at most, of the benchmarks whose size is known."""
    protocol = effective_protocol(params.evaluation, params.data.prompt, len(params.seeds))
    longest = params.train.max_prompt_tokens + protocol.max_tokens
    return sum(each.models * (each.problems or 0) * each.k * longest for each in evaluated(params))


def evaluation_hours(tokens: int, assumed: Assumptions) -> float:
    """Of N parameters: 2N operations a token."""
    return 2 * assumed.parameters * tokens / assumed.sampling_utilisation / (assumed.peak * 1e12) / 3600


class Disk(NamedTuple):
    """Gigabytes. `checkpoints` are there until a run's outputs are written; `weights` lie in work/, results/ and DVC's cache."""

    checkpoints: float
    weights: float

    @property
    def total(self) -> float:
        return self.checkpoints + 3 * self.weights


def disk(params: Params, parameters: float) -> Disk:
    """At most: with `share_session` all runs may be trained before the first of them is exported."""
    runs = len(params.methods) * len(params.seeds)
    kept = runs * (1 + len(kept_steps(params.checkpoints, params.train)))
    at_once = runs if params.backend.share_session else 1
    one = CHECKPOINTS_KEPT * CHECKPOINT_BYTES * parameters / 1e9
    return Disk(at_once * one, kept * EXPORT_BYTES * parameters / 1e9)


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
    runs = len(params.methods) * len(params.seeds)
    numeric = ["sampled, M tokens", "trained, M tokens", "GPU hours"]
    total = {"run": "all", "seeds": runs, "updates a run": "", **found[numeric].sum().to_dict(), "note": ""}
    shown = pd.concat([found.astype(object), pd.DataFrame([total], dtype=object)])
    for column in numeric:
        shown[column] = shown[column].map(("{:,.0f}" if column == "GPU hours" else "{:,.2f}").format)
    shown = shown.drop(columns=[] if assumed else ["GPU hours"])
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
        *(
            f"evaluated: {each.models} models on {each.benchmark} ×{each.k}"
            + (
                f", {each.problems} problems"
                if each.problems
                else ", as many problems as preparation finds: not in the hours"
            )
            for each in evaluated(params)
        ),
    ]
    if assumed is None:
        return "\n".join([*lines, "disk: not known, for want of the model's size", _no_hours(params)])
    needed = disk(params, assumed.parameters)
    lines.append(
        f"disk: {needed.checkpoints:,.1f} GB of checkpoints ({CHECKPOINTS_KEPT} of "
        f"{'every run' if params.backend.share_session else 'the run that is trained'}, {CHECKPOINT_BYTES} bytes a parameter) until "
        f"a run's outputs are written; {needed.weights:,.1f} GB of weights at most, three times: in work/, results/ and DVC's "
        "cache. Nothing needs work/ when a profile is done"
    )
    if params.backend.platform == "cpu":
        return "\n".join([*lines, _no_hours(params)])
    tokens = evaluation_tokens(params)
    training, evaluation = float(found["GPU hours"].sum()), evaluation_hours(tokens, assumed)
    hours = training + evaluation
    lines += [
        f"GPU hours: {hours:,.0f} ({training:,.0f} of training, {evaluation:,.0f} of evaluation), that is {hours / params.backend.devices / 24:,.1f} days of {params.backend.devices} GPUs. "
        "An estimate, not a measurement:",
        "  training: N·tokens·(2/u_s + (2·passes + 8·epochs)/u_t) / peak; tokens: prompts and responses, at most;",
        f"  evaluation: N·tokens·2/u_s / peak, of {tokens / 1e6:,.0f} M tokens, every sample as long as allowed;",
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
    print("", *foreseen_verdicts(params), sep="\n")


if __name__ == "__main__":
    run_stage(main)
