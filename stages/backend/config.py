"""A run's settings as overrides of verl 0.9.1's own configuration. Pure: nothing is read or started."""

import json
from pathlib import Path
from typing import Any

from stages.methods import build


def sweep_overrides(plan: dict[str, Any], data: Path, model: Path, work: Path, methods: list[list[Any]]) -> list[str]:
    """Overrides for a sweep over `methods`, [folder, name, settings] each, with all else as in `plan`."""
    changes = {
        "trainer.v1.trainer_mode": "suite_sweep",
        "trainer.save_freq": -1,
        "actor_rollout_ref.actor.use_kl_loss": True,  # some method may need the reference
        "suite.module": "stages.backend.sweep",
        "+suite.sweep": methods,
    }
    return [*overrides(plan, data, model, work), *(f"{key}={_hydra(value)}" for key, value in changes.items())]


def overrides(plan: dict[str, Any], data: Path, model: Path, work: Path) -> list[str]:
    """Hydra overrides for verl's `ppo_trainer`.

    `plan` is a run's plan (see stages/resolve.py), `data` the training parquet, `model` an HF folder, `work` the
    folder for checkpoints and logs. The order of sections is that of verl's file.
    """
    settings = plan["settings"]
    train, backend, optimiser = settings["train"], settings["backend"], settings["train"]["optimiser"]
    method = build(settings["method"], settings["method_settings"])
    updates = method.settings.updates_per_step or train["updates_per_step"]
    cpu = backend["platform"] == "cpu"
    responses = train["prompts_per_step"] * train["responses_per_prompt"]
    options: dict[str, Any] = {
        "algorithm.adv_estimator": "grpo",  # verl wants a name; the suite's trainer computes the advantages
        "data.train_files": str(data),
        "data.val_files": str(data),  # verl builds a validation loader even when it never validates
        "data.val_max_samples": 1,
        "data.val_batch_size": 1,
        "data.validation_shuffle": False,
        "data.train_batch_size": train["prompts_per_step"],
        "data.max_prompt_length": train["max_prompt_tokens"],
        "data.max_response_length": train["max_response_tokens"],
        "data.truncation": "error",
        "data.filter_overlong_prompts": True,  # verl would cut off their beginning
        "data.shuffle": True,
        "data.seed": plan["seed"],
        "data.dataloader_num_workers": 0,
        "actor_rollout_ref.model.path": str(model),
        # sdpa, and hence padded batches: neither lock holds flash-attn, which has no wheels on the package index
        "+actor_rollout_ref.model.override_config.attn_implementation": "sdpa",
        "actor_rollout_ref.model.use_remove_padding": False,
        "actor_rollout_ref.model.enable_gradient_checkpointing": not cpu,
        "actor_rollout_ref.actor.strategy": "fsdp2",
        "actor_rollout_ref.actor.data_loader_seed": plan["seed"],
        "actor_rollout_ref.actor.fsdp_config.seed": plan["seed"],
        "actor_rollout_ref.actor.ppo_mini_batch_size": train["prompts_per_step"] // updates,
        "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu": train["micro_batch"],
        "actor_rollout_ref.actor.ppo_epochs": method.settings.epochs,
        "actor_rollout_ref.actor.calculate_entropy": True,
        "actor_rollout_ref.actor.entropy_coeff": 0,
        # makes verl compute the reference's log-probs; what is done with them is the method's own affair
        "actor_rollout_ref.actor.use_kl_loss": method.reference != "none",
        "actor_rollout_ref.actor.use_torch_compile": False,
        "actor_rollout_ref.actor.fsdp_config.use_torch_compile": False,
        "actor_rollout_ref.ref.fsdp_config.use_torch_compile": False,
        "actor_rollout_ref.actor.grad_clip": optimiser["gradient_clip"],
        "actor_rollout_ref.actor.optim.lr": optimiser["learning_rate"],
        "actor_rollout_ref.actor.optim.betas": list(optimiser["betas"]),
        "actor_rollout_ref.actor.optim.weight_decay": optimiser["weight_decay"],
        "actor_rollout_ref.actor.optim.lr_warmup_steps": optimiser["warm_up_steps"],
        "actor_rollout_ref.actor.optim.lr_scheduler_type": optimiser["schedule"],
        "actor_rollout_ref.actor.optim.override_optimizer_config": {"eps": optimiser["epsilon"]},
        "actor_rollout_ref.actor.checkpoint.save_contents": ["model", "optimizer", "extra", "hf_model"],
        "actor_rollout_ref.actor.checkpoint.load_contents": ["model", "optimizer", "extra"],
        "actor_rollout_ref.rollout.name": "vllm",
        "actor_rollout_ref.rollout.seed": plan["seed"],
        "actor_rollout_ref.rollout.n": train["responses_per_prompt"],
        "actor_rollout_ref.rollout.temperature": train["temperature"],
        "actor_rollout_ref.rollout.top_p": 1.0,
        "actor_rollout_ref.rollout.top_k": -1,
        "actor_rollout_ref.rollout.dtype": backend["dtype"],
        "actor_rollout_ref.rollout.calculate_log_probs": True,
        "actor_rollout_ref.rollout.tensor_model_parallel_size": 1,
        "actor_rollout_ref.rollout.load_format": "auto",
        "actor_rollout_ref.rollout.max_model_len": train["max_prompt_tokens"] + train["max_response_tokens"],
        "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu": train["micro_batch"],
        "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu": train["micro_batch"],
        "actor_rollout_ref.rollout.agent.agent_loop_config_path": str(Path(__file__).with_name("agent_loops.yaml")),
        "actor_rollout_ref.rollout.agent.default_agent_loop": "seeded_single_turn",
        "reward.custom_reward_function.path": str(Path(__file__).with_name("reward.py")),
        "reward.custom_reward_function.name": "compute_score",
        "trainer.device": backend["platform"],
        "trainer.nnodes": 1,
        "trainer.n_gpus_per_node": backend["devices"],
        "trainer.v1.trainer_mode": "suite",
        "trainer.logger": ["console"],
        "trainer.project_name": "suite",
        "trainer.experiment_name": plan["run"],
        "trainer.val_before_train": False,
        "trainer.test_freq": -1,
        "trainer.save_freq": train["checkpoint_every"],
        "trainer.max_actor_ckpt_to_keep": 2,  # the one before stays until the new one is whole
        "trainer.total_training_steps": train["steps"],
        "trainer.total_epochs": 1_000_000,  # total_training_steps decides
        "trainer.resume_mode": "auto",
        "trainer.default_local_dir": str(work / "checkpoints"),
        "+suite": {
            "method": settings["method"],
            "method_settings": settings["method_settings"],
            "module": "stages.backend.trainer",  # registers the trainer "suite"
            "max_response_tokens": train["max_response_tokens"],
            "threads": backend["threads"],
            "updates_per_step": train["updates_per_step"],
            "work": str(work),
        },
    }
    precision = {
        "param_dtype": "fp32" if backend["dtype"] == "float32" else "bf16",
        "reduce_dtype": "fp32",
        "buffer_dtype": "fp32",
    }
    for role in ("actor", "ref"):
        options[f"+actor_rollout_ref.{role}.fsdp_config.mixed_precision"] = precision
    if cpu:
        options |= {
            "+ray_kwargs.ray_init.num_gpus": backend["devices"],  # logical: verl's resource pools count GPUs only
            "ray_kwargs.ray_init.num_cpus": 16,  # logical as well: about nine small actors have to fit
            "+ray_kwargs.ray_init.include_dashboard": False,
            "+ray_kwargs.ray_init.object_store_memory": 500_000_000,
            "actor_rollout_ref.rollout.enforce_eager": True,
            "actor_rollout_ref.rollout.free_cache_engine": False,
            "+actor_rollout_ref.rollout.enable_sleep_mode": False,
            "actor_rollout_ref.rollout.max_num_seqs": min(256, responses),
            # vLLM on a CPU cannot cut a seeded request's prompt in two ("CPU Generator does not use offset")
            "actor_rollout_ref.rollout.enable_chunked_prefill": False,
            "actor_rollout_ref.rollout.max_num_batched_tokens": max(
                4096, train["max_prompt_tokens"] + train["max_response_tokens"]
            ),
            # the engine computes in its own process: one process less to start and to talk to
            "+actor_rollout_ref.rollout.engine_kwargs.vllm.distributed_executor_backend": "uni",
            "actor_rollout_ref.rollout.agent.num_workers": 1,
            "actor_rollout_ref.rollout.checkpoint_engine.update_weights_bucket_megabytes": 256,
            "transfer_queue.backend.SimpleStorage.num_data_storage_units": 1,
            "reward.num_workers": 1,
        }
    else:
        options |= {  # a vocabulary of 152k: the entropy's own activations would not fit
            "actor_rollout_ref.actor.entropy_from_logits_with_chunking": True,
            "actor_rollout_ref.actor.entropy_checkpointing": True,
        }
        if backend["engine_memory_share"] is not None:
            options["actor_rollout_ref.rollout.gpu_memory_utilization"] = backend["engine_memory_share"]
    return [f"{key}={_hydra(value)}" for key, value in options.items()]


def _hydra(value: Any) -> str:
    """A value in hydra's grammar: JSON, but for unquoted keys."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_hydra(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_hydra, value)) + "]"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return json.dumps(value) if isinstance(value, str) else repr(value)
