"""The training process: `python -m stages.backend.main <launch.json>`, started by session.py.

`launch.json` holds the settings that the session decides (config.py). Trainer and task runner are verl's own; they run in
this process, where verl's `run_ppo` starts another one that imports everything a second time. On a machine without GPUs the
other processes are forked from one that has imported everything (forking.py), while this one does.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import ray
import transfer_queue
from omegaconf import DictConfig, OmegaConf
from verl.trainer.constants_ppo import get_ppo_ray_runtime_env

from stages.backend.cluster import check_nodes
from stages.backend.config import compose
from stages.backend.environment import passed_on
from stages.backend.forking import forking
from stages.common.files import InputError, read_json
from stages.profile.sections.backend import LOCAL

OF_A_START = ("num_cpus", "num_gpus", "object_store_memory", "include_dashboard")  # a cluster that stands has its own


def main(launch: Path) -> None:
    config = compose(read_json(launch))
    joins = config.ray_kwargs.ray_init.address != LOCAL
    forks = config.trainer.device == "cpu" and not joins
    python = forking("stages.backend.local", "vllm.v1.engine.core") if forks else nullcontext(sys.executable)
    with python as of_workers, ThreadPoolExecutor(1) as beside:
        start_ray(config, of_workers)
        if joins:
            check_nodes(config.trainer.nnodes, config.trainer.n_gpus_per_node, launch.parent)
        # the queue's processes import what they need while this one does
        queue = beside.submit(transfer_queue.init, config.transfer_queue)
        runner = task_runner(config)
        queue.result()
        runner.run(config)
        ray.shutdown()


def start_ray(config: DictConfig, python: str) -> None:
    """Starts Ray, or joins the cluster of `backend.ray_address`, whose processes inherit nothing of this one's environment.

    `python` is the program that its workers are started by.
    """
    settings = OmegaConf.to_container(config.ray_kwargs.ray_init, resolve=True)
    assert isinstance(settings, dict)
    runtime_env = get_ppo_ray_runtime_env(config)
    if python != sys.executable:
        runtime_env["py_executable"] = python
    runtime_env["env_vars"] |= passed_on()
    if settings["address"] != LOCAL:
        settings = {name: value for name, value in settings.items() if name not in OF_A_START}
    ray.init(**settings | {"runtime_env": runtime_env})  # type: ignore[arg-type]  # names are strings


def task_runner(config: DictConfig) -> Any:
    """verl's, outside of the Ray actor that verl makes of it, for the valid `config`."""
    from verl.trainer import main_ppo
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import validate_config

    import stages.backend.local  # noqa: F401  (with trainer.py it registers the trainers that verl.yaml and verl_cpu.yaml name)

    validate_config(config=config, use_reference_policy=need_reference_policy(config), use_critic=need_critic(config))
    return main_ppo.TaskRunnerV1.__ray_metadata__.modified_class()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except InputError as error:  # what the supervisor shows of the log ends in this line
        print(f"error: {error}", flush=True)
        sys.exit(1)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # runs, loggers and Ray have ended; the interpreter's own end takes four seconds
