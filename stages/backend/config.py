"""verl's configuration of a training session, from the general to the particular:

verl's own ppo_trainer  ->  verl.yaml  ->  verl_cpu.yaml or verl_cuda.yaml  ->  what the session and its runs decide
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import ConfigTypeError

from stages.backend.bench_config import BenchConfig, BenchRun
from stages.common.files import InputError
from stages.methods import build
from stages.profile.plans.operation import Operation
from stages.profile.plans.train import TrainPlan
from stages.profile.sections.backend import Backend
from stages.profile.sections.train import Train

FOLDER = Path(__file__).parent
EVERY_RUN = "verl.yaml"
ON_PLATFORM = {"cpu": "verl_cpu.yaml", "cuda": "verl_cuda.yaml"}
AGENT_LOOPS = "agent_loops.yaml"
OPERATION = Operation(profile="bench")  # of a session that no profile says more of


def compose(settings: dict[str, Any]) -> DictConfig:
    """The whole configuration; `settings` are those of `session_settings`.

    OmegaConfBaseException where `settings` names what neither verl nor the three files know, or gives it another type.
    """
    with hydra.initialize_config_dir(str(FOLDER), version_base=None):
        config = hydra.compose(EVERY_RUN)
    platform = OmegaConf.load(FOLDER / ON_PLATFORM[settings["trainer"]["device"]])
    with open_dict(config):
        config.merge_with(platform)
    if replaced := next(_replaced(config, settings), None):
        raise ConfigTypeError(f"{replaced} is a value, and has no settings below it")
    config.merge_with(settings)
    return config


def _replaced(config: DictConfig, settings: dict[str, Any], above: str = "") -> Iterator[str]:
    """Where `settings` would put a section in the place of a value."""
    for name, value in settings.items():
        known = config.get(name)
        if isinstance(value, dict) and isinstance(known, DictConfig):
            yield from _replaced(known, value, f"{above}{name}.")
        elif isinstance(value, dict) and known is not None:
            yield f"{above}{name}"


def session_settings(
    runs: list[tuple[TrainPlan, Path]],
    data: Path,
    model: Path,
    operation: Operation = OPERATION,
    validation: Path | None = None,
) -> dict[str, Any]:
    """verl's settings for a session that trains `runs`, nested as they are; pure, and of JSON values only.

    A run is its plan and the folder for its checkpoints and logs; all share the sections `train` and `backend`. `data` is
    the training set's parquet file, `validation` that of `train.validation` where there is one, `model` an HF folder.
    """
    plan, _ = runs[0]
    train, backend, optimiser = plan.train, plan.backend, plan.train.optimiser
    longest = train.max_prompt_tokens + train.max_response_tokens
    fsdp: dict[str, Any] = {"mixed_precision": {"param_dtype": "fp32" if backend.dtype == "float32" else "bf16"}}
    if backend.deterministic:
        fsdp |= {"full_determinism": True, "seed": plan.bench_seed}
    resting = {"param_offload": True, "optimizer_offload": True} if backend.offload else {}
    own = [_run(*run) for run in runs]
    bench = BenchConfig(
        runs=own,
        shared=backend.share_session,
        reward=train.reward,
        max_response_tokens=train.max_response_tokens,
        threads=backend.threads,
        float32_head=backend.head_dtype == "float32",
        engine_correction=backend.engine_correction,
        validation=train.validation,
        validation_file=str(validation) if validation else None,
    )
    common = {
        "actor_rollout_ref": {
            **bench.section(),
            "actor": {
                "optim": {
                    "lr": optimiser.learning_rate,
                    "weight_decay": optimiser.weight_decay,
                    "lr_warmup_steps": optimiser.warm_up_steps,
                    "betas": list(optimiser.betas),
                    "lr_scheduler_type": optimiser.schedule,
                    "override_optimizer_config": {"eps": optimiser.epsilon},
                    "clip_grad": optimiser.gradient_clip,
                },
                "fsdp_config": fsdp | resting,
                "ppo_micro_batch_size_per_gpu": train.micro_batch,
                # makes verl load the initial model; what is done with its log-probs is the method's own affair
                "use_kl_loss": any(run.reference.startswith("initial") for run in own),
            },
            "ref": {"log_prob_micro_batch_size_per_gpu": train.micro_batch, "fsdp_config": fsdp},
            "rollout": {
                "temperature": train.temperature,
                "seed": plan.bench_seed,  # of the engine; every response has one of its run (agent_loop.py)
                "dtype": backend.dtype,
                "max_model_len": longest,
                "log_prob_micro_batch_size_per_gpu": train.micro_batch,
                "n": train.responses_per_prompt,
                "agent": {"agent_loop_config_path": str(FOLDER / AGENT_LOOPS)},
                **_engine_limits(train, backend),
            },
            "model": {"path": str(model)},
        },
        "data": {
            "train_files": str(data),
            "val_files": str(data),
            "max_prompt_length": train.max_prompt_tokens,
            "max_response_length": train.max_response_tokens,
            "train_batch_size": train.prompts_per_step,
        },
        "trainer": {
            "total_training_steps": train.steps,
            "n_gpus_per_node": backend.devices,
            "nnodes": backend.nodes,
            "project_name": operation.profile,
            "logger": ["console", *operation.loggers],
            "save_freq": train.checkpoint_every,
            "device": backend.platform,
        },
        "ray_kwargs": {"ray_init": {"address": operation.ray_address}},
    }
    merged = OmegaConf.merge(common, _without_padding(backend), own[0].settings)
    for name, value in backend.verl.items():
        if OmegaConf.select(merged, name) is not None:
            raise InputError(f"backend.verl.{name}: the bench sets it from the profile's own settings; change it there")
        OmegaConf.update(merged, name, value, force_add=True)
    return OmegaConf.to_container(merged)  # type: ignore[return-value]  # a mapping's


def _without_padding(backend: Backend) -> dict[str, Any]:
    """How many tokens a device computes on at once, where it is told so: verl then pads nothing, in any pass.

    worker.py takes the methods out that depend on micro-batches.
    """
    tokens = backend.micro_batch_tokens
    if tokens is None:
        return {}
    passes = {"log_prob_use_dynamic_bsz": True, "log_prob_max_token_len_per_gpu": tokens}
    return {
        "actor_rollout_ref": {
            "actor": {"use_dynamic_bsz": True, "ppo_max_token_len_per_gpu": tokens},
            "ref": passes,
            "rollout": passes,
            "model": {"use_remove_padding": True},
        }
    }


def _run(plan: TrainPlan, work: Path) -> BenchRun:
    method, train = build(plan.method, plan.method_settings), plan.train
    updates = method.settings.updates_per_step or train.updates_per_step
    settings = {
        "actor_rollout_ref": {
            "actor": {
                "ppo_mini_batch_size": train.prompts_per_step // updates,
                "ppo_epochs": method.settings.epochs,
                "data_loader_seed": plan.seed,
            }
        },
        "data": {"seed": plan.seed},
        "trainer": {"experiment_name": plan.run, "default_local_dir": str(work / "checkpoints")},
    }
    return BenchRun(
        name=plan.run,
        method=plan.method,
        method_settings=plan.method_settings,
        seed=plan.seed,
        reference=method.reference,
        kept_steps=plan.kept_steps,
        work=work,
        settings=settings,
    )


def _engine_limits(train: Train, backend: Backend) -> dict[str, Any]:
    """How much vLLM takes on at once: on a CPU all of a step's responses, on GPUs what fits its share of the memory."""
    if backend.platform == "cpu":
        longest = train.max_prompt_tokens + train.max_response_tokens
        responses = train.prompts_per_step * train.responses_per_prompt
        return {"max_num_batched_tokens": max(4096, longest), "max_num_seqs": min(256, responses)}
    share = backend.engine_memory_share
    limits: dict[str, Any] = {"tensor_model_parallel_size": backend.engine_devices}
    return limits if share is None else limits | {"gpu_memory_utilization": share}
