"""A profile, scaled down to what a CPU does in minutes. Pure. What is not named here stays as the profile has it:
methods and their settings, data, prompts, lengths, loss, optimiser, protocol, graders, rules for checkpoints, claims.
"""

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

from stages.methods import build
from stages.profile.effective_protocol import effective_protocol
from stages.profile.params import Params
from stages.protocols.checkpoint import checkpoint_rule

STEPS = 2  # one, then one that goes on from its checkpoint
UPDATES = 2  # so that the second one sees a policy that has moved away from the one that sampled
RESPONSES = 8  # to a prompt
ROWS = 2  # of a padded micro-batch; each word of a row costs the whole vocabulary
CONCURRENCY = 8
PROBLEMS = 4  # of a validation
PROBE = {"batches": 1, "prompts": 1, "responses": 2, "updates": 1, "coupled_states": 1}
MODEL = "rehearsal/model"  # in the rehearsal's folder
# of a setting: names with dots between them, or the names, which may have dots themselves
Place = str | tuple[str, ...]
Change = Callable[[Place, Any, str], None]  # setting, its value here (None: without it), why
GPUS_ONLY = ("engine_memory_share", "engine_devices", "offload", "deterministic", "nodes", "devices")


class Scaled(NamedTuple):
    """A setting that the rehearsal has otherwise than the profile; None where a side has none."""

    setting: str
    profile: Any
    here: Any
    why: str

    def line(self) -> str:
        return f"{self.setting}: {_text(self.profile)} → {_text(self.here)} ({self.why})"


def scaled(content: dict[str, Any], params: Params, methods: list[str]) -> tuple[dict[str, Any], list[Scaled]]:
    """The settings of a rehearsal of `methods`, and all in which they are not those of `content`, the file that `params` are of."""
    made = deepcopy(content)
    found: list[Scaled] = []

    def change(setting: Place, here: Any, why: str) -> None:
        *above, name = setting.split(".") if isinstance(setting, str) else setting
        section = made
        for part in above:
            section = section.setdefault(part, {})
        before = section.get(name)
        if before == here:
            return
        found.append(Scaled(".".join([*above, name]), before, here, why))
        if here is None:
            del section[name]
        else:
            section[name] = here

    change("profile", f"rehearsal-{params.profile}", "so that its results are taken for no others")
    change("methods", methods, "as asked by --methods")
    change("seeds", params.seeds[:1], "one seed")
    if own := {name: of for name, of in params.method_settings.items() if "method" in of and name not in methods}:
        kept = {name: of for name, of in content["method_settings"].items() if name not in own}
        change("method_settings", kept, "of methods that are not rehearsed")
    _backend(change, params)
    _model(change, params)
    if methods:
        _training(change, params, methods)
    _evaluation(change, params)
    _of_runs(change, params, methods)
    return made, found


def _backend(change: Change, params: Params) -> None:
    backend, why = params.backend, "this machine has no GPU"
    if backend.platform != "cpu":
        change("backend.platform", "cpu", f"{why}; the environment is .venv/train, from another lock than GPUs have")
        for name in GPUS_ONLY:
            change(f"backend.{name}", None, why)
        change("backend.dtype", "float32", "a CPU's bfloat16 rounds otherwise than a GPU's")
        change("backend.head_dtype", None, "all is in float32")
        change("backend.engine_gigabytes", 1, "cpu: memory for vLLM's KV cache")
        change("backend.threads", 2, "cpu")
    change("backend.ray_address", None, "one machine")
    change("backend.loggers", None, "nothing is sent elsewhere")
    change("backend.port", None, "a free one")
    change("backend.share_session", True, "Ray, verl and vLLM start once for all runs")
    if backend.micro_batch_tokens is not None:
        longest = params.train.max_prompt_tokens + params.train.max_response_tokens
        change("backend.micro_batch_tokens", longest, "memory: as few as one sequence may have")


def _model(change: Change, params: Params) -> None:
    if params.model.source in ("lab", "package"):
        return
    for name, here in (("revision", None), ("name", MODEL), ("source", "folder")):
        change(f"model.{name}", here, "a tiny model with random weights, see below")
    for name, released in params.models.items():
        of = {"folder": MODEL} | ({"chat_template": "none"} if released.chat_template == "none" else {})
        change(("models", name), of, "the same tiny model")


def _training(change: Change, params: Params, methods: list[str]) -> None:
    train = params.train
    settings = [params.method_of(name) for name in methods]
    own = [build(method, of).settings.updates_per_step or 1 for method, of in settings]
    updates = min(train.updates_per_step, UPDATES)
    sets = [of.get("k") or 0 for _, of in settings]  # a method may draw sets of k responses to a prompt
    responses = max(min(train.responses_per_prompt, RESPONSES), *sets)
    change("train.steps", STEPS, "the second goes on from the first one's checkpoint")
    change("train.checkpoint_every", 1, "a checkpoint after each")
    change("train.updates_per_step", updates, "fewer responses")
    change("train.prompts_per_step", math.lcm(updates, *own), "fewer responses")
    change("train.responses_per_prompt", responses, "fewer responses")
    change(
        "train.micro_batch", math.gcd(train.micro_batch, ROWS), "memory; of methods that depend on it, another method"
    )
    change("train.optimiser.warm_up_steps", min(train.optimiser.warm_up_steps, STEPS - 1), "fewer than steps")
    if train.validation:
        change("train.validation.every", 1, "before each of the steps")
        change("train.validation.prompts", min(train.validation.prompts, PROBLEMS), "fewer responses")
        change(
            "train.validation.responses_per_prompt", min(train.validation.responses_per_prompt, 2), "fewer responses"
        )
    for name, text in params.checkpoints.items():
        if checkpoint_rule(text).step is not None:
            change(("checkpoints", name), "step 1", "of two steps")


def _evaluation(change: Change, params: Params) -> None:
    protocol = effective_protocol(params.evaluation, params.data.prompt, len(params.seeds))
    for name, k in protocol.samples.items():
        if name in params.data.own:
            change(("data", "own", name, "k"), 1, "one sample a problem")
        elif k != 1:
            change(("evaluation", "samples", name), 1, f"one sample a problem, of {k}")
    change("evaluation.concurrency", min(params.evaluation.concurrency, CONCURRENCY), "two problems a benchmark")


def _of_runs(change: Change, params: Params, methods: list[str]) -> None:
    """What names runs: only those that are rehearsed can be kept."""
    runs = {f"{name}-{params.seeds[0]}" for name in methods}
    for place, kept in (("base", set(methods)), ("trained", runs)):
        for name in getattr(params.probes, place):
            setting = ("probes", place, name)
            if name not in kept:
                change(setting, None, "its run is not rehearsed")
                continue
            for field, here in PROBE.items():
                change((*setting, field), here, "a probe computes in float64")
    for name in params.published.rows if params.published else ():
        if name not in methods:
            change(("published", "rows", name), None, "its run is not rehearsed")


def _text(value: Any) -> str:
    return "none" if value is None else str(value)
