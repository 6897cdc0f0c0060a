"""The estimate as text: what a profile asks for, and what that costs."""

import pandas as pd

from stages.methods import build
from stages.profile.params import Params
from stages.tools.estimation.disk import CHECKPOINT_BYTES, CHECKPOINTS_KEPT, disk
from stages.tools.estimation.evaluated import evaluated, evaluation_tokens
from stages.tools.estimation.hours import Assumptions, evaluation_hours, lengths, training_hours, work

NUMERIC = ["sampled, M tokens", "trained, M tokens", "GPU hours"]


def table(params: Params, assumed: Assumptions | None, measured: dict[str, float] | None = None) -> pd.DataFrame:
    """One row a method, for all its seeds together; tokens in millions, GPU hours NaN without `assumed`."""
    rows, seeds = [], len(params.seeds)
    hours = training_hours(params, assumed, measured) if assumed else {}
    for name in params.methods:
        method, settings = params.method_of(name)
        asked, dataset = work(build(method, settings), params.train), params.train_of(name).dataset
        own = [method] if name != method else []
        own += [f"on {dataset}"] if dataset != params.train.dataset else []
        rows.append(
            {
                "run": f"{name} ({', '.join(own)})" if own else name,
                "seeds": seeds,
                "updates a run": asked.updates,
                "sampled, M tokens": seeds * asked.sampled / 1e6,
                "trained, M tokens": seeds * asked.trained / 1e6,
                "GPU hours": seeds * hours.get(name, float("nan")),
                "note": "more: groups are sampled again" if asked.resamples else "",
            }
        )
    return pd.DataFrame(rows, columns=["run", "seeds", "updates a run", *NUMERIC, "note"])


def describe(
    params: Params,
    assumed: Assumptions | None,
    rate: float | None = None,
    measured: dict[str, float] | None = None,
    sampled: float | None = None,
    length_share: float = 1.0,
) -> str:
    """`rate`: dollars a GPU hour; `measured`: name under `methods` -> seconds a step; `sampled`: tokens a second of one device, where
    it is measured and `assumed` samples as fast; `length_share`: that of `assumed`, which may be None.
    """
    lines = [*_trained(params, assumed, measured), *_evaluated(params)]
    disk_line = "disk: not known, for want of the model's size" if assumed is None else _disk(params, assumed)
    lines.append(disk_line)
    if measured:
        wall = sum(measured[name] for name in params.methods) * params.train.steps * len(params.seeds) / 3600
        paces = ", ".join(f"{name} {seconds:.1f}" for name, seconds in measured.items())
        lines.append(f"measured, seconds a step: {paces}; all trainings one after the other: {wall:,.2f} hours")
    if sampled:
        tokens, devices = length_share * sum(evaluation_tokens(params).values()), params.backend.devices
        lines.append(
            f"measured, {sampled:,.0f} tokens a second of one device in sampling: all evaluation, every sequence {lengths(length_share)}: "
            f"{tokens / sampled / devices / 3600:,.2f} hours"
        )
    if assumed is None or params.backend.platform == "cpu":
        return "\n".join([*lines, _no_hours(params)])
    return "\n".join([*lines, *_hours(params, assumed, rate, measured, sampled)])


def _trained(params: Params, assumed: Assumptions | None, measured: dict[str, float] | None) -> list[str]:
    train, runs = params.train, len(params.methods) * len(params.seeds)
    if not runs:
        return [f"profile {params.profile}: nothing is trained"]
    found = table(params, assumed, measured)
    total = {"run": "all", "seeds": runs, "updates a run": "", **found[NUMERIC].sum().to_dict(), "note": ""}
    shown = pd.concat([found.astype(object), pd.DataFrame([total], dtype=object)])
    for column in NUMERIC:
        shown[column] = shown[column].map(("{:,.0f}" if column == "GPU hours" else "{:,.2f}").format)
    shown = shown.drop(columns=[] if assumed else ["GPU hours"])
    aligned = ["left", *["right"] * (len(shown.columns) - 2), "left"]
    return [
        f"profile {params.profile}: {len(params.methods)} names under `methods`, {len(params.seeds)} under `seeds`: {runs} runs of "
        f"{train.steps} steps",
        f"a step: {train.prompts_per_step} prompts × {train.responses_per_prompt} responses of at most "
        f"{train.max_prompt_tokens} + {train.max_response_tokens} tokens",
        "",
        shown.to_markdown(index=False, disable_numparse=True, colalign=aligned),
        "",
        "tokens: response tokens, at most, were every response as long as allowed; trained: once an epoch",
    ]


def _evaluated(params: Params) -> list[str]:
    return [
        f"evaluated: {each.models} models on {each.benchmark} ×{each.k}"
        + (
            f", {each.problems} problems"
            if each.problems
            else ", as many problems as preparation finds: not in the hours"
        )
        for each in evaluated(params)
    ]


def _disk(params: Params, assumed: Assumptions) -> str:
    needed = disk(params, assumed.parameters)
    return (
        f"disk: {needed.checkpoints:,.1f} GB of checkpoints ({CHECKPOINTS_KEPT} of "
        f"{'every run' if params.backend.share_session else 'the run that is trained'}, {CHECKPOINT_BYTES} bytes a parameter) until "
        f"a run's outputs are written; {needed.weights:,.1f} GB of weights at most, three times: in work/, results/ and DVC's "
        "cache. Nothing needs work/ when a profile is done"
    )


def _hours(
    params: Params,
    assumed: Assumptions,
    rate: float | None,
    measured: dict[str, float] | None,
    sampled: float | None,
) -> list[str]:
    tokens, devices = sum(evaluation_tokens(params).values()), params.backend.all_devices
    training = len(params.seeds) * sum(training_hours(params, assumed, measured).values())
    evaluation = evaluation_hours(tokens, assumed)
    hours = training + evaluation
    sampling_on = params.backend.devices  # one node samples
    days = (training / devices + evaluation / sampling_on) / 24
    of_training = f"{assumed.training_utilisation:g} of it reached in training (--training-utilisation; assumed)"
    of_sampling = f"{assumed.sampling_utilisation:g} of it reached in sampling (--sampling-utilisation; assumed)"
    if sampled:
        of_training = "not used: training is measured"
        of_sampling = f"{assumed.sampling_utilisation:.3g} of it reached in sampling, as measured"
    lines = [
        f"GPU hours: {rounded(hours)} ({rounded(training)} of training, {rounded(evaluation)} of evaluation), that is {days:,.1f} days of "
        f"{devices} GPUs{'' if devices == sampling_on else f', of which {sampling_on} evaluate'}. An estimate, not a measurement:",
        "  training: as measured, seconds a step × steps × GPUs;"
        if measured
        else f"  training: N·tokens·(2/u_s + (2·passes + 8·epochs)/u_t) / peak; tokens: of prompts and responses, every sequence {assumed.lengths};",
        f"  evaluation: N·tokens·2/u_s / peak, of {assumed.length_share * tokens / 1e6:,.0f} M tokens, every sequence {assumed.lengths};",
        "  passes without gradient: the old policy's, a reference's, and one a method takes over the mini-batch (docs/methods.md)",
        f"  N = {assumed.parameters:.3g} parameters (--parameters; the size in the model's name)",
        f"  peak = {assumed.peak:g} TFLOP/s (--peak; an A100's, dense bfloat16)",
        f"  u_t = {of_training}",
        f"  u_s = {of_sampling}",
    ]
    if rate is not None:
        lines.append(
            f"dollars: {rate * hours:,.0f} at {rate:g} a GPU hour, while all GPUs work; idle ones cost as much"
        )
    return lines


def rounded(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.1f}"


def _no_hours(params: Params) -> str:
    if params.backend.platform == "cpu":
        return "GPU hours: none, the profile runs on a CPU; README has what was measured"
    return "GPU hours: not estimated, the model's name holds no size; give --parameters, such as 7e9"
