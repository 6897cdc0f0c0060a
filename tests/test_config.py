"""The overrides are accepted by verl's own configuration: the first run of every profile."""

from pathlib import Path

import hydra
import pytest
import verl.trainer.main_ppo as main_ppo
from omegaconf import OmegaConf

from stages.backend.config import overrides
from stages.params import load
from stages.resolve import plans
from tests.project import ROOT


@pytest.mark.parametrize("profile", sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml")))
def test_verl_composes_the_first_run(profile):
    params = load(ROOT / f"profiles/{profile}.yaml")
    train, plan = params.train, plans(params)[f"train/{params.methods[0]}-{params.seeds[0]}"]
    with hydra.initialize_config_dir(str(Path(main_ppo.__file__).parent / "config"), version_base=None):
        config = hydra.compose("ppo_trainer", overrides=overrides(plan, Path("/d/x.parquet"), Path("/m"), Path("/w")))
    OmegaConf.resolve(config.actor_rollout_ref.actor)
    actor = config.actor_rollout_ref.actor
    assert config.suite.method == plan["settings"]["method"]
    assert OmegaConf.to_container(config.suite.method_settings) == plan["settings"]["method_settings"]
    assert actor.ppo_mini_batch_size * train.updates_per_step == config.data.train_batch_size == train.prompts_per_step
    assert {config.data.seed, actor.data_loader_seed, config.actor_rollout_ref.rollout.seed} == {plan["seed"]}
    assert actor.optim.override_optimizer_config.eps == train.optimiser.epsilon
