"""The training process: `python -m stages.backend.main <launch.json>`, started by stages/train.py.

`launch.json` holds verl's overrides. This is verl's own `run_ppo` with its own task runner, which only imports the
suite's trainer first so that it is registered in that process.
"""

import sys
from importlib import import_module
from pathlib import Path

import hydra
import ray
import verl.trainer.main_ppo as main_ppo
from verl.trainer.ppo.utils import need_critic, need_reference_policy
from verl.utils.config import validate_config

from stages.files import read_json


@ray.remote
class SuiteTaskRunner(main_ppo.TaskRunnerV1.__ray_metadata__.modified_class):
    def run(self, config):
        import_module(config.suite.module)  # registers the trainer that trainer.v1.trainer_mode names
        super().run(config)


def main(launch: Path) -> None:
    folder = str(Path(main_ppo.__file__).parent / "config")
    with hydra.initialize_config_dir(folder, version_base=None):
        config = hydra.compose("ppo_trainer", overrides=read_json(launch))
    validate_config(config=config, use_reference_policy=need_reference_policy(config), use_critic=need_critic(config))
    main_ppo.run_ppo(config, task_runner_class=SuiteTaskRunner)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
