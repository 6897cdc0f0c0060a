"""Real verl actors on one rank and on several: gradients of given methods on one given mini-batch.

    python -m tests.rank_program mini_batch.pt NAME,NAME… 1:LAUNCH.json,LAUNCH.json 2:LAUNCH.json …

Each LAUNCH.json configures an actor on as many ranks as stand before it, whose gradients go to LAUNCH.pt. A NAME is METHOD
or METHOD=VARIANT. Nothing is trained: in place of the optimiser's step the gradient is taken down. One process imports the
libraries, and is forked for each rank.
"""

import gc
import multiprocessing
import os
import socket
import sys
from pathlib import Path

import torch
import torch.distributed
from tensordict import NonTensorData, TensorDict
from verl.utils import tensordict_utils as tu

from stages.backend.config import compose
from stages.backend.worker import MethodWorker
from stages.common.files import read_json
from stages.profile.params import load
from stages.tools.sweep import settings_of

FORK = multiprocessing.get_context("fork")
NESTED = [
    "prompts", "responses", "input_ids", "position_ids", "response_mask", "loss_mask", "old_log_probs", "entropy",
    "advantages", "ref_log_prob", "rollout_log_probs",
]  # fmt: skip


def main(mini_batch: str, names: str, *worlds: str) -> None:
    """Exit status 1 where a rank fails."""
    gc.freeze()  # else each rank would look through, and so copy, all that the libraries hold
    for world in worlds:
        ranks, launches = world.split(":", 1)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
        place |= {"WORLD_SIZE": ranks, "LOCAL_WORLD_SIZE": ranks}
        given = place, mini_batch, names.split(","), list(map(Path, launches.split(",")))
        processes = [FORK.Process(target=one_rank, args=(rank, *given)) for rank in range(int(ranks))]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        if any(process.exitcode for process in processes):
            sys.exit(1)


def one_rank(rank: int, place: dict[str, str], mini_batch: str, names: list[str], launches: list[Path]) -> None:
    os.environ.update(place, RANK=str(rank), LOCAL_RANK=str(rank))
    for launch in launches:
        gradients = gradients_of(launch, mini_batch, names)
        if torch.distributed.get_rank() == 0:
            torch.save(gradients, launch.with_suffix(".pt"))
        torch.distributed.barrier()


def gradients_of(launch: Path, mini_batch: str, methods: list[str]) -> dict[str, dict[str, torch.Tensor]]:
    config = compose(read_json(launch))
    worker = MethodWorker(config=config.actor_rollout_ref, role="actor")
    worker.init_model()
    rank, ranks = torch.distributed.get_rank(), torch.distributed.get_world_size()
    gradients, chosen = {}, load(Path("profiles/smoke.yaml")).method_settings
    for name in methods:
        worker.begin(*settings_of(name, chosen), seed=1)
        taken: dict[str, torch.Tensor] = {}

        def take_down(taken: dict[str, torch.Tensor] = taken) -> float:
            for key, weight in worker.actor.engine.module.named_parameters():
                gradient = weight.grad
                taken[key] = (gradient.full_tensor() if hasattr(gradient, "full_tensor") else gradient).detach().clone()
            return 0.0

        worker.actor.engine.optimizer_step = take_down
        content = torch.load(mini_batch)
        content["progress"]["state"] = worker.actor.method.initial_state()
        worker.actor.train_batch(part(content, rank, ranks))
        gradients[name] = taken
    return gradients


def part(content: dict, rank: int, ranks: int) -> TensorDict:
    """This rank's share of the mini-batch, as verl's trainer would dispatch it."""
    size = len(content["responses"])
    chosen = range(rank * size // ranks, (rank + 1) * size // ranks)
    fields = {
        name: torch.nested.as_nested_tensor([content[name][i] for i in chosen], layout=torch.jagged) for name in NESTED
    }
    fields |= {name: values[chosen.start : chosen.stop] for name, values in content["per_response"].items()}
    data = TensorDict(fields, batch_size=len(chosen))
    tu.assign_non_tensor(
        data,
        global_batch_size=size,
        temperature=1.0,
        calculate_entropy=True,
        global_token_num=NonTensorData([len(ids) for ids in content["input_ids"]]),
        bench_training_step=content["progress"],
    )
    return data


if __name__ == "__main__":
    main(*sys.argv[1:])
