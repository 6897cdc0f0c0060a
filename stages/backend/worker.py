"""verl's actor worker with a method's loss, and before each optimiser step the method's statistics of the mini-batch."""

import random
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import fields, replace
from typing import Any

import numpy
import torch
import torch.distributed
from tensordict import TensorDict
from torch import Tensor
from verl.single_controller.base.decorator import Dispatch, register
from verl.utils import tensordict_utils as tu
from verl.workers.engine_workers import ActorRolloutRefWorker, TrainingWorker
from verl.workers.utils.padding import response_to_nested

from stages.backend.bench_config import BenchConfig
from stages.backend.head import compute_head_in_float32
from stages.backend.learning_rate import with_rate
from stages.backend.loss import STATISTIC, MethodLoss, MethodView, update_of
from stages.backend.mini_batches import at_once
from stages.backend.weight_channel import own_channel
from stages.methods import build
from stages.rl.batch import Update, joined, rows
from stages.rl.batch_statistics import batch_of, with_batch_statistics
from stages.rl.method import Method

SIGN_SECONDS = 60.0  # between two signs of life; verl gives one as often while it waits for responses


class BenchWorker(TrainingWorker):
    """verl's training worker, whose passes and updates, which take minutes, say in the log that they go on.

    verl refuses a batch that `train.micro_batch` does not divide; here it is cut into smaller micro-batches.
    """

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def reset(self) -> None:
        super().reset()
        self.engine.forward_backward_batch = evenly_cut(self.engine.forward_backward_batch)
        if torch.distributed.get_rank() == 0:  # the others wait for it, as it does for them
            self.engine.forward_step = heard(self.engine.forward_step)


def evenly_cut(pass_of_batch: Callable[..., Any]) -> Callable[..., Any]:
    """`pass_of_batch`, for which verl's number of responses in a micro-batch is the most that there may be."""

    def pass_in_even_parts(data: TensorDict, *args: Any, **kwargs: Any) -> Any:
        if not tu.get_non_tensor_data(data, "use_dynamic_bsz", default=True):
            size = at_once(len(data), data["micro_batch_size_per_gpu"])
            tu.assign_non_tensor(data, micro_batch_size_per_gpu=size)
        return pass_of_batch(data, *args, **kwargs)

    return pass_in_even_parts


def heard(pass_of_micro_batch: Callable[..., Any], seconds: float = SIGN_SECONDS) -> Callable[..., Any]:
    """`pass_of_micro_batch`, which prints a line at most once in `seconds`, and none in the first of them."""
    last, passed = time.monotonic(), 0

    def heard_pass(*args: Any, **kwargs: Any) -> Any:
        nonlocal last, passed
        passed += 1
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            print(f"bench: {passed} micro-batches so far", flush=True)
        return pass_of_micro_batch(*args, **kwargs)

    return heard_pass


class MethodTrainingWorker(BenchWorker):
    """verl's training worker, which takes a method's batch statistics before each optimiser step.

    `MethodWorker` sets the method, and the longest response allowed, in tokens.
    """

    method: Method
    horizon: int

    def train_batch(self, data: TensorDict) -> TensorDict:
        if self.method.uses_logits:
            tu.assign_non_tensor(data, distillation_use_topk=True)  # opens verl's hook on the logits
        if self.method.depends_on_micro_batches:  # it gets train.micro_batch responses, whatever their lengths
            tu.assign_non_tensor(data, use_dynamic_bsz=False)
        if batch_of(self.method) in ("old_policy", "current_policy"):
            self._add_batch_statistics(data)
        return super().train_batch(data)

    def _add_batch_statistics(self, data: TensorDict) -> None:
        """Adds the method's mask and statistics to `data`, this rank's part of the mini-batch they are taken over."""
        output = self._current_policy(data) if batch_of(self.method) == "current_policy" else {}
        mine = update_of(output, data)
        parts, rank = _gathered(mine, self.engine.get_data_parallel_group())
        whole = with_batch_statistics(self.method, joined(parts))
        first = sum(len(part.response_mask) for part in parts[:rank])
        seen = rows(whole, slice(first, first + len(mine.response_mask)))
        response_mask, width = data["response_mask"], mine.response_mask.shape[1]

        def nested(values: Tensor) -> Tensor:
            return response_to_nested(values[:, :width].to(mine.response_mask.device), response_mask)

        data["bench_mask"] = nested(seen.mask.long())
        for name, value in seen.statistics.items():
            if value.ndim:
                data[f"{STATISTIC}{name}"] = nested(value.long() if value.dtype == torch.bool else value)
        numbers = {name: value.item() for name, value in seen.statistics.items() if not value.ndim}
        kept = {"tokens": int(whole.mask.sum()), "responses": int(whole.mask.any(-1).sum())}
        tu.assign_non_tensor(data, bench_statistics=numbers, bench_kept=kept)

    def _current_policy(self, data: TensorDict) -> dict[str, Tensor]:
        """The model's outputs on this rank's part of the mini-batch, in micro-batches and without gradient."""
        config, probe = self.engine_config, data.clone(recurse=False)
        tu.assign_non_tensor(
            probe,
            use_remove_padding=config.use_remove_padding,
            use_dynamic_bsz=config.use_dynamic_bsz,
            max_token_len_per_gpu=config.max_token_len_per_gpu,
            micro_batch_size_per_gpu=config.micro_batch_size_per_gpu,
            use_fused_kernels=config.use_fused_kernels,
        )
        return self.engine.infer_batch(probe, loss_function=MethodView(self.method, self.horizon))["model_output"]


def _gathered(update: Update, group: torch.distributed.ProcessGroup) -> tuple[list[Update], int]:
    """Every rank's `update` in main memory, in the order of the ranks, and the number of this rank.

    What a pass of the model gave is on its device, what verl's queue gave in main memory.
    """

    def to_host(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: to_host(item) for name, item in value.items()}
        return value.detach().cpu() if isinstance(value, Tensor) else value

    mine = replace(update, **{item.name: to_host(getattr(update, item.name)) for item in fields(update)})
    if torch.distributed.get_world_size(group) == 1:
        return [mine], 0
    parts: list[Any] = [None] * torch.distributed.get_world_size(group)
    torch.distributed.all_gather_object(parts, mine, group=group)
    return parts, torch.distributed.get_rank(group)


class MethodWorker(ActorRolloutRefWorker):
    """verl's worker that trains and samples. Ray makes it; its methods are called on all ranks at once.

    `begin` comes before each of a session's runs and brings back all that a run changes, so that a run gives the same
    bytes whatever ran before it.
    """

    actor_worker_cls = MethodTrainingWorker
    ref_worker_cls = BenchWorker

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def init_model(self) -> None:
        super().init_model()
        if self.rollout is not None:
            self.rollout.zmq_handle = own_channel(self.rollout.zmq_handle)
        self.bench = BenchConfig.of(self.config)
        torch.set_num_threads(self.bench.threads)
        if self.bench.float32_head:
            for worker in (getattr(self, name, None) for name in ("actor", "ref")):
                if worker is not None:
                    compute_head_in_float32(worker.engine.module)
        engine = self.actor.engine
        kept = self._local_weights() if self.bench.shared else ()
        self._weights = {name: weight.cpu().clone() for name, weight in kept}
        self._optimiser = deepcopy(engine.optimizer.state_dict()["param_groups"])
        self._schedule = deepcopy(engine.lr_scheduler.state_dict())

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def begin(self, name: str, settings: dict[str, Any], seed: int) -> None:
        """From here on trains with the method `name`, from the first weights, at the start of the schedule."""
        engine = self.actor.engine
        for key, weight in self._local_weights():
            if key in self._weights:
                weight.copy_(self._weights[key])
        method = build(name, settings)
        groups, schedule = with_rate(self._optimiser, self._schedule, method.settings.learning_rate)
        engine.optimizer.load_state_dict({"state": {}, "param_groups": groups})
        engine.lr_scheduler.load_state_dict(schedule)
        engine.checkpoint_manager.previous_saved_paths = []  # verl deletes the oldest of these: another run's stay
        random.seed(seed)
        numpy.random.seed(seed)
        torch.manual_seed(seed)
        self.actor.method, self.actor.horizon = method, self.bench.max_response_tokens
        self.loss_fn = MethodLoss(self.actor.method, self.actor.horizon, self.bench.engine_correction)
        self.actor.set_loss_fn(self.loss_fn)

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def weights_changed(self) -> bool:
        """Whether this rank's weights are others than at the start of the session, which has to be shared."""
        return any(not torch.equal(weight.cpu(), self._weights[name]) for name, weight in self._local_weights())

    def _local_weights(self) -> Iterator[tuple[str, Tensor]]:
        """This rank's shards, as they are stored: what is written into them is trained on."""
        for name, weight in self.actor.engine.module.state_dict().items():
            yield name, (weight.to_local() if hasattr(weight, "to_local") else weight).detach()
