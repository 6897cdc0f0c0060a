"""verl's actor worker, with the suite's loss and the mini-batch statistics that a method asks for."""

from functools import partial

import torch
from verl.single_controller.base.decorator import Dispatch, register
from verl.utils import tensordict_utils as tu
from verl.workers.engine_workers import ActorRolloutRefWorker, TrainingWorker

from stages.backend.loss import REDUCTIONS, method_loss, update_of
from stages.methods import build


class MethodTrainingWorker(TrainingWorker):
    """verl's training worker; before each optimiser step it takes the method's statistics over the mini-batch."""

    method = None

    def train_batch(self, data):
        if self.method.statistics_kind:
            tu.assign_non_tensor(data, suite_statistics=self._statistics(data))
        return super().train_batch(data)

    def _statistics(self, data) -> dict[str, float]:
        """One pass without gradient over the mini-batch, reduced over micro-batches and ranks."""
        config, reduced = self.engine_config, {}

        def collect(model_output, data, dp_group=None):
            for name, value in self.method.statistics(update_of(model_output, data)).items():
                combine = REDUCTIONS[self.method.statistics_kind[name]]
                reduced[name] = combine(reduced[name], value) if name in reduced else value
            return torch.zeros(()), {}

        probe = data.clone(recurse=False)
        tu.assign_non_tensor(
            probe,
            use_remove_padding=config.use_remove_padding,
            use_dynamic_bsz=config.use_dynamic_bsz,
            max_token_len_per_gpu=config.max_token_len_per_gpu,
            micro_batch_size_per_gpu=config.micro_batch_size_per_gpu,
            use_fused_kernels=config.use_fused_kernels,
        )
        self.engine.infer_batch(probe, loss_function=collect)
        for name, value in reduced.items():
            operation = getattr(torch.distributed.ReduceOp, self.method.statistics_kind[name].upper())
            torch.distributed.all_reduce(value, op=operation, group=self.engine.get_data_parallel_group())
        return {name: value.item() for name, value in reduced.items()}


class MethodWorker(ActorRolloutRefWorker):
    """verl's hybrid worker. `config.suite` (the method's name and settings) is put there by the trainer."""

    actor_worker_cls = MethodTrainingWorker

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def init_model(self):
        super().init_model()
        torch.set_num_threads(self.config.suite.threads)
        method = build(self.config.suite.method, dict(self.config.suite.method_settings))
        self.actor.method = method
        self.loss_fn = partial(method_loss, method=method, config=self.loss_fn.keywords["config"])
        self.actor.set_loss_fn(self.loss_fn)
