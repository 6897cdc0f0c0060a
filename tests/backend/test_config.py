"""Every run of every profile: its configuration is composed as on the machine that trains, and passes verl's own
validation and dataclasses.

The model's sizes are not checked: Qwen2.5-Math-7B's config.json is not in the repository. verl's dataclass of the model
is made with a Qwen2 config of transformers' default sizes, and without a tokenizer.
"""

import copy
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hydra
import pytest
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import ConfigKeyError
from transformers import Qwen2Config
from verl.trainer.ppo.utils import need_reference_policy
from verl.utils.config import omega_conf_to_dataclass, validate_config

from stages.backend.bench_config import BenchConfig
from stages.backend.config import EVERY_RUN, FOLDER, ON_PLATFORM, compose, session_settings
from stages.backend.known_settings import known
from stages.common.files import read_json, write_json
from stages.profile.params import Params, load
from stages.profile.plans.base import Plan
from stages.profile.plans.operation import Operation
from stages.profile.plans.train import TrainPlan
from stages.profile.resolution import plans, training_plan
from tests.project import ROOT

ALL_PROFILES = sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml"))
ON_ONE_NODE = "steer-qwen2.5-math-7b"
ON_SEVERAL_NODES = "dapo-qwen2.5-32b"
QWEN_MATH_POSITIONS = 4096  # max_position_embeddings of Qwen2.5-Math's config.json; verl refuses a longer max_model_len


@functools.cache
def params_of(name: str) -> Params:
    return load(ROOT / f"profiles/{name}.yaml")


@functools.cache
def profile(name: str) -> tuple[Params, dict[str, Plan]]:
    return params_of(name), plans(params_of(name))


@pytest.fixture(scope="module", autouse=True)
def composed_once():
    """What hydra composes of verl's files and ours is the same for all settings, which are merged into it."""
    original = functools.cache(hydra.compose)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hydra, "compose", lambda name: copy.deepcopy(original(name)))
        yield


PROFILES = [name for name in ALL_PROFILES if params_of(name).methods]  # those that train


@functools.cache
def composed(settings: str) -> DictConfig:
    """The configuration with these settings, in JSON."""
    config = compose(json.loads(settings))
    OmegaConf.resolve(config)
    return config


def run_config(*runs: TrainPlan, model: str = "/m") -> tuple[DictConfig, BenchConfig]:
    """The configuration of a session that trains `runs`, and the bench's own section of it.

    Of sessions that differ in their names and in that section only, one is composed: it takes a second each.
    """
    settings = session_settings([(plan, Path("/w")) for plan in runs], Path("/d/x.parquet"), Path(model))
    own = BenchConfig.of(OmegaConf.create(settings["actor_rollout_ref"]))
    settings["actor_rollout_ref"]["bench"], settings["trainer"]["experiment_name"] = {}, ""
    return composed(json.dumps(settings)), own


RUNS = [(name, method) for name in PROFILES for method in params_of(name).methods]


@pytest.mark.parametrize("name, method", RUNS)
def test_verl_takes_every_run(name, method):
    params, written = profile(name)
    plan = written[f"train/{method}-{params.seeds[0]}"]
    config, bench = run_config(plan)
    validate_config(config=config, use_reference_policy=need_reference_policy(config), use_critic=False)
    train, actor = params.train, config.actor_rollout_ref.actor
    (own,) = bench.runs
    assert (own.method, own.method_settings, own.seed) == (plan.method, plan.method_settings, plan.seed)
    updates = plan.method_settings["updates_per_step"] or train.updates_per_step
    assert actor.ppo_mini_batch_size * updates == config.data.train_batch_size == train.prompts_per_step
    part, rest = divmod(actor.ppo_mini_batch_size * actor.rollout_n, params.backend.all_devices)
    assert rest == 0 and part % min(part, train.micro_batch) == 0
    assert (config.trainer.nnodes, config.trainer.n_gpus_per_node) == (params.backend.nodes, params.backend.devices)
    assert {config.data.seed, actor.data_loader_seed} == {plan.seed}
    assert actor.optim.override_optimizer_config.eps == train.optimiser.epsilon


def test_a_session_holds_what_any_of_its_runs_needs():
    params = params_of("smoke")
    plans = [
        training_plan(params.model_copy(update={"methods": [method]}), method, seed)
        for method, seed in (("grpo", 1), ("kl_penalty", 2), ("dapo", 3))
    ]
    config, bench = run_config(*plans)
    assert [run.reference for run in bench.runs] == ["none", "initial", "none"] and need_reference_policy(config)
    for run, plan in zip(bench.runs, plans, strict=True):
        config.merge_with(run.settings)  # a setting that verl does not know would be refused
        assert {config.data.seed, config.actor_rollout_ref.actor.data_loader_seed, run.seed} == {plan.seed}
    assert not need_reference_policy(run_config(plans[0])[0])


def test_the_norm_that_gradients_are_clipped_to_is_where_verls_engine_reads_it():
    params = params_of("smoke")
    optimiser = params.train.optimiser.model_copy(update={"gradient_clip": 0.25})
    train = params.train.model_copy(update={"optimiser": optimiser})
    config, _ = run_config(training_plan(params.model_copy(update={"train": train}), "grpo", 1))
    assert omega_conf_to_dataclass(config.actor_rollout_ref.actor.optim).clip_grad == 0.25


@pytest.mark.parametrize("name", PROFILES)
def test_verl_makes_its_dataclasses(name, tmp_path):
    params, written = profile(name)
    Qwen2Config(architectures=["Qwen2ForCausalLM"]).save_pretrained(tmp_path)
    config, _ = run_config(written[f"train/{params.methods[0]}-{params.seeds[0]}"], model=str(tmp_path))
    role = OmegaConf.create(OmegaConf.to_container(config.actor_rollout_ref))
    with open_dict(role):  # as verl's ActorRolloutRefWorker.init_model does
        role.ref.ppo_mini_batch_size = role.actor.ppo_mini_batch_size
        for name_of in ("micro_batch_size", "micro_batch_size_per_gpu", "max_token_len_per_gpu"):
            role.ref[f"ppo_{name_of}"] = role.ref.pop(f"log_prob_{name_of}")
        role.ref.use_dynamic_bsz = role.ref.pop("log_prob_use_dynamic_bsz")
        role.model.load_tokenizer = False
    optimiser = omega_conf_to_dataclass(role.actor).optim
    given = params.train.optimiser
    assert (optimiser.lr, optimiser.lr_warmup_steps, optimiser.lr_scheduler_type, optimiser.weight_decay) == (
        given.learning_rate,
        given.warm_up_steps,
        given.schedule,
        given.weight_decay,
    )
    assert omega_conf_to_dataclass(role.ref).engine.strategy == "fsdp2"
    rollout = omega_conf_to_dataclass(role.rollout)
    assert (rollout.n, rollout.temperature) == (params.train.responses_per_prompt, params.train.temperature)
    omega_conf_to_dataclass(role.rollout.checkpoint_engine)
    omega_conf_to_dataclass(config.algorithm)
    model = omega_conf_to_dataclass(role.model)
    assert model.hf_config._attn_implementation == "sdpa" and model.tokenizer is None


ON_GPUS = [name for name in PROFILES if params_of(name).backend.platform == "cuda"]


def on_gpus(**backend: Any) -> tuple[DictConfig, TrainPlan]:
    """The configuration of a run of such a profile with these settings of the backend."""
    params = params_of(ON_ONE_NODE)
    params = params.model_copy(update={"backend": params.backend.model_copy(update=backend)})
    plan = training_plan(params, params.methods[0], 1)
    return run_config(plan)[0], plan


@pytest.mark.parametrize("name", ON_GPUS)
def test_gpus_compute_without_padding_and_take_the_entropy_in_chunks(name):
    """With a vocabulary of 152k the logits of padded sequences, and their entropy at once, do not fit 80 GB."""
    params, written = profile(name)
    config, _ = run_config(written[f"train/{params.methods[0]}-1"])
    role, tokens = config.actor_rollout_ref, params.backend.micro_batch_tokens
    assert tokens >= role.rollout.max_model_len and role.model.use_remove_padding
    assert role.actor.use_dynamic_bsz and role.actor.ppo_max_token_len_per_gpu == tokens
    for passes in (role.rollout, role.ref):
        assert passes.log_prob_use_dynamic_bsz and passes.log_prob_max_token_len_per_gpu == tokens
    engine = omega_conf_to_dataclass(role.actor).engine
    assert engine.entropy_from_logits_with_chunking and engine.entropy_checkpointing


@pytest.mark.parametrize("name", PROFILES)
def test_a_training_joins_no_other_ray_unless_asked(name):
    """Nor does one on several nodes by its plan: the address is what the profile is operated with."""
    params, written = profile(name)
    plan, data, model = written[f"train/{params.methods[0]}-{params.seeds[0]}"], Path("/d/x.parquet"), Path("/m")
    assert run_config(plan)[0].ray_kwargs.ray_init.address == "local"
    operation = Operation.of(params.profile, params.backend)
    asked = session_settings([(plan, Path("/w"))], data, model, operation)["ray_kwargs"]["ray_init"]["address"]
    assert asked == ("auto" if name == ON_SEVERAL_NODES else "local")


def test_what_a_profile_asks_of_gpus_reaches_verl():
    config, plan = on_gpus(engine_devices=2, offload=True, deterministic=True)
    engine = omega_conf_to_dataclass(config.actor_rollout_ref.actor).engine
    assert (engine.param_offload, engine.optimizer_offload) == (True, True)
    assert (engine.full_determinism, engine.seed) == (True, plan.bench_seed)
    assert config.actor_rollout_ref.ref.fsdp_config.full_determinism
    assert config.actor_rollout_ref.rollout.tensor_model_parallel_size == 2
    config, _ = on_gpus()
    engine = omega_conf_to_dataclass(config.actor_rollout_ref.actor).engine
    assert not (engine.param_offload or engine.optimizer_offload or engine.full_determinism)
    assert config.actor_rollout_ref.rollout.tensor_model_parallel_size == 1


# Keys of our files that verl's configuration does not have. verl hands each on as it stands: to its workers, to FSDP, to
# transformers, to Ray or to vLLM.
UNKNOWN_TO_VERL = {
    "actor_rollout_ref.bench",
    *(f"actor_rollout_ref.{role}.fsdp_config.mixed_precision" for role in ("actor", "ref")),
    "actor_rollout_ref.model.override_config.attn_implementation",
    "actor_rollout_ref.rollout.agent.agent_loop_manager_class",
    "actor_rollout_ref.rollout.enable_sleep_mode",
    *(
        f"actor_rollout_ref.rollout.engine_kwargs.vllm.{name}"
        for name in ("distributed_executor_backend", "worker_extension_cls")
    ),
    *(f"ray_kwargs.ray_init.{name}" for name in ("num_gpus", "include_dashboard", "object_store_memory", "address")),
}


def keys_beyond(config: Any, known: Any, above: str = "") -> Iterator[str]:
    """The keys of `config` that `known` lacks, with those above them."""
    for key, value in config.items():
        if key not in known:
            yield f"{above}{key}"
        elif isinstance(value, dict):
            yield from keys_beyond(value, known[key], f"{above}{key}.")


def test_no_key_of_our_files_is_misspelt():
    """YAML on top of verl's may add keys, and verl would pass over most of them in silence."""
    with hydra.initialize_config_module("verl.trainer.config", version_base=None):
        known = OmegaConf.to_container(hydra.compose("ppo_trainer"))
    files = [OmegaConf.to_container(OmegaConf.load(FOLDER / name)) for name in (EVERY_RUN, *ON_PLATFORM.values())]
    found = {key for file in files for key in keys_beyond(file, known)}
    assert found - {"hydra", "defaults"} == UNKNOWN_TO_VERL


def test_no_setting_of_a_run_is_misspelt():
    settings = session_settings([(profile("smoke")[1]["train/grpo-1"], Path("/w"))], Path("/d"), Path("/m"))
    settings["trainer"]["total_training_step"] = 1
    with pytest.raises(ConfigKeyError, match="total_training_step"):
        compose(settings)


@pytest.mark.parametrize("name", [name for name in PROFILES if "Qwen2.5-Math" in params_of(name).model.name])
def test_sequences_fit_the_model(name):
    params, written = profile(name)
    positions = params.model.max_position_embeddings or QWEN_MATH_POSITIONS
    config, _ = run_config(written[f"train/{params.methods[0]}-{params.seeds[0]}"])
    assert config.actor_rollout_ref.rollout.max_model_len <= positions
    assert written["sample"].context_length <= positions


@pytest.mark.parametrize("platform", ["cpu", "cuda"])
def test_what_the_check_of_overrides_knows_is_what_verl_composes(platform):
    composed = compose({"trainer": {"device": platform}})
    assert OmegaConf.to_container(known(platform)) == OmegaConf.to_container(composed)


def test_names_outside_ascii_reach_verl_as_they_are(tmp_path):
    """Of folders and of settings, also through the file that the training process reads."""
    plan = training_plan(params_of("smoke"), "grpo", 1)
    phrases = ["für", " α", "\\u00e4", "“so”"]
    plan = plan.model_copy(update={"method": "hicra", "method_settings": {"phrases": phrases}})
    folder = Path("/größe/模型")
    settings = session_settings([(plan, folder / "work")], folder / "x.parquet", folder)
    write_json(tmp_path / "launch.json", settings)
    config = compose(read_json(tmp_path / "launch.json"))
    (run,) = BenchConfig.of(config.actor_rollout_ref).runs
    assert run.method_settings["phrases"] == phrases and run.work == folder / "work"
    assert config.data.train_files == str(folder / "x.parquet") and config.actor_rollout_ref.model.path == str(folder)
    assert config.trainer.default_local_dir == str(folder / "work/checkpoints")
