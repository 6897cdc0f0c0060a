"""Settings of verl's that `backend.verl` cannot have: the bench's trainer decides or passes over them, and verl would not say so."""

from collections.abc import Iterator
from typing import Any

from stages.common.files import InputError

VALIDATION = (
    "set train.validation; rules under `checkpoints`, such as best on a benchmark, have checkpoints of a run sampled and graded by "
    "the evaluation's protocol"
)
LOSS = "the method computes the loss; set it under method_settings, or add a method"
ADVANTAGES = "the method computes advantages and weights; set it under method_settings, or backend.engine_correction"
CRITIC = "no method has a critic; remove it"
REWARD = "the bench decides the reward; set train.reward"
KEEPING = "the bench keeps checkpoints and goes on from the last whole one; set train.checkpoint_every"
ORDER = "the order of prompts and responses is the seed's, which a resumed run keeps; remove it"
AGENT = "the bench samples one answer a response, each with a seed of its own; remove it"
PADDING = "set backend.micro_batch_tokens"
MICRO_BATCH = "set train.micro_batch"
LENGTHS = "set train.max_prompt_tokens and train.max_response_tokens"

ACTOR, REF, ROLLOUT = (f"actor_rollout_ref.{part}" for part in ("actor", "ref", "rollout"))
# A name stands for all that is below it.
DECIDED: dict[str, str] = {
    **dict.fromkeys((f"trainer.{name}" for name in ("test_freq", "val_before_train", "val_only", "log_val_generations", "validation_data_dir")), VALIDATION),
    **dict.fromkeys(("data.val_files", "data.val_max_samples", "data.val_batch_size", "data.validation_shuffle", f"{ROLLOUT}.val_kwargs"), VALIDATION),
    **dict.fromkeys((f"{ACTOR}.{name}" for name in (
        "clip_ratio", "clip_ratio_low", "clip_ratio_high", "clip_ratio_c", "tau_pos", "tau_neg", "policy_loss", "loss_agg_mode",
        "loss_scale_factor", "entropy_coeff", "calculate_entropy", "use_kl_loss", "kl_loss_coef", "kl_loss_type",
    )), LOSS),
    **dict.fromkeys(("algorithm", "distillation"), ADVANTAGES),
    **dict.fromkeys(("critic", "trainer.critic_warmup", "trainer.max_critic_ckpt_to_keep"), CRITIC),
    **dict.fromkeys(("reward", "reward_model", "custom_reward_function", "sandbox_fusion", "data.reward_fn_key"), REWARD),
    **dict.fromkeys((f"trainer.{name}" for name in (
        "resume_mode", "resume_from_path", "default_hdfs_dir", "del_local_ckpt_after_load", "remove_previous_ckpt_in_save",
        "max_actor_ckpt_to_keep",
    )), KEEPING),
    f"{ACTOR}.checkpoint": KEEPING,
    **dict.fromkeys((f"{ACTOR}.shuffle", "trainer.balance_batch", "data.dataloader_num_workers"), ORDER),
    **dict.fromkeys((f"{ROLLOUT}.{name}" for name in (
        "agent", "multi_turn", "mode", "name", "do_sample", "full_determinism", "calculate_log_probs", "over_sample_rate",
    )), AGENT),
    **dict.fromkeys(("model_engine", "trainer.v1", "trainer.use_v1", "actor_rollout_ref.bench"), "it is the bench's own; remove it"),
    **dict.fromkeys((
        f"{ACTOR}.use_dynamic_bsz", f"{ACTOR}.ppo_max_token_len_per_gpu", f"{ACTOR}.use_remove_padding",
        "actor_rollout_ref.model.use_remove_padding",
        *(f"{part}.log_prob_{name}" for part in (REF, ROLLOUT) for name in ("use_dynamic_bsz", "max_token_len_per_gpu")),
    ), PADDING),
    **dict.fromkeys((f"{ACTOR}.ppo_micro_batch_size", *(f"{part}.log_prob_micro_batch_size" for part in (REF, ROLLOUT))), MICRO_BATCH),
    **dict.fromkeys((f"{ROLLOUT}.prompt_length", f"{ROLLOUT}.response_length"), LENGTHS),
    **dict.fromkeys((f"{part}.rollout_n" for part in (ACTOR, REF)), "set train.responses_per_prompt"),
    **dict.fromkeys(("trainer.total_epochs", f"{ACTOR}.optim.total_training_steps"), "set train.steps"),
    "skip": "every run samples its responses anew; remove it",
    "data.gen_batch_size": "set train.prompts_per_step",
    f"{ACTOR}.grad_clip": "set train.optimiser.gradient_clip",
    f"{ACTOR}.optim.lr_warmup_steps_ratio": "set train.optimiser.warm_up_steps",
    f"{ACTOR}.optim.warmup_style": "set train.optimiser.schedule",
    f"{ROLLOUT}.tensor_model_parallel_size": "set backend.engine_devices",
    f"{ROLLOUT}.gpu_memory_utilization": "set backend.engine_memory_share",
    **dict.fromkeys((f"{ACTOR}.fsdp_config.{name}" for name in ("param_offload", "optimizer_offload")), "set backend.offload"),
    **dict.fromkeys((f"{ACTOR}.fsdp_config.{name}" for name in ("full_determinism", "seed")), "set backend.deterministic"),
    **dict.fromkeys(("data.trust_remote_code", "actor_rollout_ref.model.trust_remote_code"), "no model's own code is run; remove it"),
}  # fmt: skip


def check_names(overrides: dict[str, Any]) -> None:
    """InputError at the first setting that has no effect, or another than its name says."""
    for name in _leaves(overrides):
        for decided, reason in DECIDED.items():
            if f"{name}.".startswith(f"{decided}."):
                raise InputError(f"backend.verl.{name}: {reason}")


def _leaves(settings: dict[str, Any], above: str = "") -> Iterator[str]:
    """The full names of what `settings` holds, which may be nested."""
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}"
