"""The training process: `python -m stages.backend.main <launch.json>`, started by session.py.

`launch.json` holds the settings that the session decides (config.py). Trainer and task runner are verl's own; they run in
this process, where verl's `run_ppo` starts another one that imports everything a second time.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ray
import transfer_queue
from omegaconf import DictConfig, OmegaConf
from verl.trainer.constants_ppo import get_ppo_ray_runtime_env

from stages.backend.config import compose
from stages.common.files import read_json


def main(launch: Path) -> None:
    config = compose(read_json(launch))
    start_ray(config)
    with ThreadPoolExecutor(1) as beside:  # the queue's processes import what they need while this one does
        queue = beside.submit(transfer_queue.init, config.transfer_queue)
        runner = task_runner(config)
        queue.result()
    runner.run(config)


def start_ray(config: DictConfig) -> None:
    settings = config.ray_kwargs.ray_init
    runtime_env = OmegaConf.merge(get_ppo_ray_runtime_env(config), settings.get("runtime_env") or {})
    ray.init(**OmegaConf.to_container(OmegaConf.create({**settings, "runtime_env": runtime_env}), resolve=True))  # type: ignore[arg-type]


def task_runner(config: DictConfig) -> Any:
    """verl's, outside of the Ray actor that verl makes of it, for the valid `config`."""
    from verl.trainer import main_ppo
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import validate_config

    import stages.backend.local  # noqa: F401  (with trainer.py it registers the trainers that verl.yaml and verl_cpu.yaml name)

    validate_config(config=config, use_reference_policy=need_reference_policy(config), use_critic=need_critic(config))
    return main_ppo.TaskRunnerV1.__ray_metadata__.modified_class()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
