"""Every run of every profile: its overrides are composed by verl, and pass verl's own validation and dataclasses.

As verl composes them on a GPU node, nothing replaced. Unchecked here, because Qwen2.5-Math-7B's config.json is not in the
repository: its sizes. `model` is made into its dataclass with a Qwen2 config of transformers' default sizes, without tokenizer.
"""

import functools
from pathlib import Path

import hydra
import pytest
import verl.trainer.main_ppo as main_ppo
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict
from transformers import Qwen2Config
from verl.trainer.ppo.utils import need_reference_policy
from verl.utils.config import omega_conf_to_dataclass, validate_config

from stages.backend.config import overrides
from stages.params import Params, load
from stages.resolve import plans
from tests.project import ROOT

PROFILES = sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml"))
QWEN_MATH_POSITIONS = 4096  # max_position_embeddings of Qwen2.5-Math's config.json; verl refuses a longer max_model_len


@functools.cache
def profile(name: str) -> tuple[Params, dict]:
    params = load(ROOT / f"profiles/{name}.yaml")
    return params, plans(params)


@functools.cache
def composed(given: tuple[str, ...]) -> DictConfig:
    """verl's configuration; of runs that differ in nothing that verl reads, one is composed (two seconds each)."""
    with hydra.initialize_config_dir(str(Path(main_ppo.__file__).parent / "config"), version_base=None):
        config = hydra.compose("ppo_trainer", overrides=list(given))
    OmegaConf.resolve(config)
    return config


def run_config(plan: dict, model: str = "/m") -> tuple[DictConfig, dict]:
    """verl's configuration of a run and the suite's own section, which verl does not read."""
    given = overrides(plan, Path("/d/x.parquet"), Path(model), Path("/w"))
    own = [text for text in given if text.startswith(("+suite=", "trainer.experiment_name="))]
    (suite,) = [each.value() for each in OverridesParser.create().parse_overrides(own) if each.key_or_group == "suite"]
    return composed(tuple(text for text in given if text not in own)), suite


RUNS = [(name, method) for name in PROFILES for method in profile(name)[0].methods]


@pytest.mark.parametrize("name, method", RUNS)
def test_verl_takes_every_run(name, method):
    params, written = profile(name)
    plan = written[f"train/{method}-{params.seeds[0]}"]
    config, suite = run_config(plan)
    validate_config(config=config, use_reference_policy=need_reference_policy(config), use_critic=False)
    train, settings, actor = params.train, plan["settings"], config.actor_rollout_ref.actor
    assert (suite["method"], suite["method_settings"]) == (settings["method"], settings["method_settings"])
    updates = settings["method_settings"]["updates_per_step"] or train.updates_per_step
    assert actor.ppo_mini_batch_size * updates == config.data.train_batch_size == train.prompts_per_step
    assert actor.ppo_mini_batch_size * actor.rollout_n % (params.backend.devices * train.micro_batch) == 0
    assert {config.data.seed, actor.data_loader_seed, config.actor_rollout_ref.rollout.seed} == {plan["seed"]}
    assert actor.optim.override_optimizer_config.eps == train.optimiser.epsilon


@pytest.mark.parametrize("name", PROFILES)
def test_verl_makes_its_dataclasses(name, tmp_path):
    params, written = profile(name)
    Qwen2Config(architectures=["Qwen2ForCausalLM"]).save_pretrained(tmp_path)
    config, _ = run_config(written[f"train/{params.methods[0]}-{params.seeds[0]}"], str(tmp_path))
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


@pytest.mark.parametrize("name", [name for name in PROFILES if "qwen2.5-math" in name])
def test_sequences_fit_the_model(name):
    params, written = profile(name)
    positions = params.model.max_position_embeddings or QWEN_MATH_POSITIONS
    config, _ = run_config(written[f"train/{params.methods[0]}-{params.seeds[0]}"])
    assert config.actor_rollout_ref.rollout.max_model_len <= positions
    assert written["sample"]["settings"]["context_length"] <= positions
