"""GPU hours of a training and of an evaluation, from counted operations and assumed shares of a GPU's peak. Pure."""

import math
import re
from typing import NamedTuple

from stages.methods import build
from stages.profile.params import Params
from stages.profile.sections.model import Model
from stages.profile.sections.train import Train
from stages.rl.batch import TrainingStep
from stages.rl.batch_statistics import batch_of
from stages.rl.method import Method


class Assumptions(NamedTuple):
    """What an estimate of hours rests on besides the profile. Nothing here was measured by this project."""

    parameters: float
    peak: float = 312.0  # dense bfloat16 TFLOP/s of an A100, NVIDIA's data sheet
    training_utilisation: float = 0.3
    sampling_utilisation: float = 0.05
    length_share: float = 1.0  # mean tokens of a prompt with its response, of the longest allowed

    @property
    def lengths(self) -> str:
        return lengths(self.length_share)


class Work(NamedTuple):
    """One run, at most: every prompt and response as long as allowed."""

    updates: int
    sampled: int  # response tokens
    trained: int  # response tokens, counted once an epoch
    passes: int  # passes without gradient over the step's responses: old policy, reference, look ahead
    sequences: int  # prompt and response tokens of all responses, once
    candidates: int  # tokens of the prompts that a method chooses the step's from
    validated: int  # prompt and response tokens of all validations
    epochs: int
    resamples: bool  # groups are replaced, so that `sampled` and the hours are no upper bound


def work(method: Method, train: Train) -> Work:
    responses = train.steps * train.prompts_per_step * train.responses_per_prompt
    epochs = method.settings.epochs
    first = method.rollout(TrainingStep(1, train.steps, method.initial_state()))
    candidates = first.candidate_batches if first.candidate_batches > 1 else 0
    return Work(
        updates=train.steps * epochs * (method.settings.updates_per_step or train.updates_per_step),
        sampled=responses * train.max_response_tokens,
        trained=epochs * responses * train.max_response_tokens,
        passes=1 + (method.reference != "none") + passes_in_update(method),
        sequences=responses * (train.max_prompt_tokens + train.max_response_tokens),
        candidates=train.steps * candidates * train.prompts_per_step * train.max_prompt_tokens,
        validated=validated(train),
        epochs=epochs,
        resamples=first.resample_uniform_groups,
    )


def validated(train: Train) -> int:
    """Tokens of the prompts and responses of all validations of a run."""
    if train.validation is None:
        return 0
    times = math.ceil(train.steps / train.validation.every)
    responses = train.validation.prompts * train.validation.responses_per_prompt
    return times * responses * (train.max_prompt_tokens + train.max_response_tokens)


def passes_in_update(method: Method) -> int:
    """Of a step: those without gradient over the mini-batches for what a method wants to know of them."""
    return method.settings.epochs if batch_of(method) == "current_policy" else 0


def gpu_hours(work: Work, assumed: Assumptions) -> float:
    """Of N parameters: 2N operations a token sampled or passed, 8N a token updated (2N forward, 4N backward, 2N again for
    gradient checkpointing). Attention's own operations, weight transfers and waiting are left to the utilisations.
    """
    sequences = work.sequences * assumed.length_share
    sampled = sequences + work.validated * assumed.length_share
    sampling = 2 * assumed.parameters * sampled / assumed.sampling_utilisation
    passed = 2 * work.candidates + (2 * work.passes + 8 * work.epochs) * sequences
    updating = assumed.parameters * passed / assumed.training_utilisation
    return (sampling + updating) / (assumed.peak * 1e12) / 3600


def evaluation_hours(tokens: int, assumed: Assumptions) -> float:
    """Of N parameters: 2N operations a token. `tokens`: were all sequences as long as allowed."""
    operations = 2 * assumed.parameters * tokens * assumed.length_share
    return operations / assumed.sampling_utilisation / (assumed.peak * 1e12) / 3600


def lengths(share: float) -> str:
    """How long sequences are taken to be, in words."""
    return "as long as allowed" if share == 1 else f"{share:g} of the longest allowed, on average (--length-share)"


def sampling_as_measured(assumed: Assumptions, tokens: float) -> Assumptions:
    """With the share of the peak that sampling so many tokens a second on one GPU reaches."""
    return assumed._replace(sampling_utilisation=2 * assumed.parameters * tokens / (assumed.peak * 1e12))


def training_hours(params: Params, assumed: Assumptions, measured: dict[str, float] | None = None) -> dict[str, float]:
    """Name under `methods` -> GPU hours of one seed. `measured`: name -> seconds a step, which then count in place of the
    assumptions.
    """
    found = {}
    for name in params.methods:
        method, settings = params.method_of(name)
        if measured and name in measured:
            found[name] = measured[name] * params.train.steps * params.backend.all_devices / 3600
        else:
            found[name] = gpu_hours(work(build(method, settings), params.train), assumed)
    return found


def parameters_of(model: Model) -> float | None:
    """From a size such as 7B or 135M in the model's name; None where it has none."""
    found = re.search(r"(?<![a-zA-Z0-9.])(\d+(?:\.\d+)?)([BM])(?![a-zA-Z0-9])", model.name)
    return float(found[1]) * {"B": 1e9, "M": 1e6}[found[2]] if found else None
