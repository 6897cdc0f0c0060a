"""One step at the longest length, which is the worst for memory: `make preflight OPTIONS=--step`, after its checks.

Every prompt has `train.max_prompt_tokens` and every response `train.max_response_tokens` (verl's `ignore_eos`), in a real session
with the profile's devices and micro-batches, on its base model. The step has the responses of one mini-batch, so that it takes
minutes where a whole one takes longer; memory does not depend on their number. What is measured, in the second of two such
steps, is printed beside what the estimate assumes, and written to `work/preflight/<profile>.json`, which
`make estimate OPTIONS="--measured <file>"` reads.
"""

import shutil
from pathlib import Path

from stages.artifacts.steps import read_steps
from stages.backend.environment import assert_versions
from stages.backend.session import Run, train
from stages.common.files import InputError, read_jsonl
from stages.common.supervise import ProcessFailed
from stages.methods import build
from stages.profile.params import Params
from stages.profile.plans.train import TrainPlan
from stages.profile.resolution import training_plan
from stages.rl.method import Method
from stages.tools.estimation.hours import Work, passes_in_update, work
from stages.tools.estimation.throughput import Throughput
from stages.tools.gpus import GIB
from stages.tools.longest.beside import size_of, table
from stages.tools.longest.memory import Memory
from stages.tools.longest.prompts import write_prompts

PLACE = Path("work/preflight")
STEPS = 2  # the first of a session compiles and fills caches
IGNORE_EOS = "actor_rollout_ref.rollout.ignore_eos"


def longest_step(params: Params, wanted: str | None = None) -> Path:
    """Measures, prints the table and returns the file; of the method that demands most unless one is `wanted`.

    InputError where the model is not there, or the session fails: the message shows its log.
    """
    model = Path("results") / params.profile / "model"
    if not (model / "config.json").is_file():
        raise InputError(f"{model} is missing: make repro TARGETS=model@{params.profile} makes it")
    assert_versions(params.backend.platform)
    plan = plan_of(params, wanted or most_demanding(params))
    method = build(plan.method, plan.method_settings)
    folder = (PLACE / params.profile).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    data, run = folder / "longest.parquet", Run(plan, folder / "run")
    write_prompts(data, plan.train.prompts_per_step, params, model)
    print(f"{STEPS} steps of {method_name(plan)}, {responses(plan)} responses each, as long as allowed", flush=True)
    memory = Memory(params.backend.platform == "cuda")
    try:
        failed = train([run], data, model, memory.look)
    except ProcessFailed as error:
        raise InputError(f"the longest step {error}")
    if failed:
        raise InputError(f"the longest step {failed[plan.run]}")
    clocks, asked = list(read_jsonl(run.work / "timings.jsonl"))[-1], work(method, plan.train)
    step = read_steps(run.steps, STEPS)[-1]
    if round(step["response_length"]) != plan.train.max_response_tokens:
        raise InputError(
            f"responses had {step['response_length']:.0f} tokens and not {plan.train.max_response_tokens}: the engine does not heed {IGNORE_EOS}"
        )
    found = throughput(params.profile, plan, method, asked, clocks["seconds"], memory)
    print(table(found, clocks, plan, asked, size_of(model)))
    whole = found.seconds_a_step(params)[method_name(plan)]
    print(gap(step, plan.backend.engine_correction))
    print(f"a whole step of the profile, every response as long as allowed: {whole:,.1f} s")
    path = PLACE / f"{params.profile}.json"
    found.write(path)
    shutil.rmtree(folder)  # its checkpoint is as large as a training's
    return path


def most_demanding(params: Params) -> str:
    """The method that reads logits, then the one with most passes."""

    def demand(name: str) -> tuple[bool, int]:
        method, settings = params.method_of(name)
        built = build(method, settings)
        return built.uses_logits, work(built, params.train).passes

    if not params.methods:
        raise InputError("methods: this profile trains nothing, so that there is no step to take; leave out --step")
    usable = [name for name in params.methods if not resamples(name, params)]
    if not usable:
        raise InputError(
            "methods: each samples uniform groups again, and here all responses are wrong; add grpo for the preflight"
        )
    return max(usable, key=demand)


def resamples(name: str, params: Params) -> bool:
    method, settings = params.method_of(name)
    return work(build(method, settings), params.train).resamples


def plan_of(params: Params, name: str) -> TrainPlan:
    """`STEPS` steps of one mini-batch of the profile, in one update."""
    if name not in params.methods or resamples(name, params):
        raise InputError(
            f"--method: {name!r} is not among methods, or samples uniform groups again; give another of them"
        )
    plan = training_plan(params, name, params.seeds[0])
    own = build(plan.method, plan.method_settings).settings.updates_per_step
    prompts = params.train.prompts_per_step // (own or params.train.updates_per_step)
    size = {
        "prompts_per_step": prompts,
        "updates_per_step": 1,
        "steps": STEPS,
        "checkpoint_every": STEPS,
        "validation": None,
    }
    optimiser = params.train.optimiser.model_copy(update={"warm_up_steps": 0})
    return plan.model_copy(
        update={
            "method_settings": plan.method_settings | ({"updates_per_step": 1} if own else {}),
            "train": params.train.model_copy(update={**size, "optimiser": optimiser}),
            "kept_steps": [],
            "backend": plan.backend.model_copy(update={"verl": {**plan.backend.verl, IGNORE_EOS: True}}),
        }
    )


def method_name(plan: TrainPlan) -> str:
    """The name under `methods`."""
    return plan.run.rpartition("-")[0]


def responses(plan: TrainPlan) -> int:
    return plan.train.prompts_per_step * plan.train.responses_per_prompt


def gap(step: dict[str, int | float], correction: str) -> str:
    """What the engine's log-probs are from the trainer's in a line of the step log, which long responses show best."""
    weight = (
        f"; {correction} weights them with {step['engine_weight']:.6f} on average" if "engine_weight" in step else ""
    )
    return (
        f"trainer against engine: {step['engine_log_prob_difference']:.2g} nats a token, {step['engine_ratio_outside']:.2%} of tokens "
        f"with a ratio outside of 0.5 to 2{weight}"
    )


def throughput(
    profile: str, plan: TrainPlan, method: Method, asked: Work, seconds: dict[str, float], memory: Memory
) -> Throughput:
    devices = plan.backend.all_devices
    tokens = asked.sequences / plan.train.steps / devices
    return Throughput(
        profile=profile,
        method=method_name(plan),
        device=memory.device,
        devices=devices,
        responses=responses(plan),
        tokens=plan.train.max_prompt_tokens + plan.train.max_response_tokens,
        sampled=tokens / seconds["gen"],
        passed=tokens / seconds["old_log_prob"],
        updated=tokens * asked.epochs / seconds["update_actor"],
        passes_in_update=passes_in_update(method),
        rest=seconds["update_weights"],
        peak=memory.peak / GIB,
    )
