"""Trains one method after another in one Ray session with one engine: starts take a minute, three steps of a method ten
seconds. Weights, optimiser, data order and step count go back to the start before each.

`suite.sweep` lists [folder, name, settings]. Each method writes its step log to `<work>/<folder>/steps.jsonl`, and when
its steps are done `<work>/<folder>/result.json`; an error is that method's result and ends the sweep no more than a success.
"""

import hashlib
import traceback
from concurrent.futures import ThreadPoolExecutor

import transfer_queue as tq
from omegaconf import OmegaConf, open_dict
from verl.single_controller.base.decorator import Dispatch, register
from verl.trainer.ppo.v1 import register_trainer

from stages.backend.trainer import SuiteTrainer
from stages.backend.worker import MethodWorker
from stages.files import read_jsonl, write_json
from stages.methods import build


class SweepWorker(MethodWorker):
    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def weights_sha256(self) -> str:
        digest = hashlib.sha256()
        for name, weight in sorted(self.actor.engine.module.state_dict().items()):
            local = weight.to_local() if hasattr(weight, "to_local") else weight
            digest.update(name.encode() + local.detach().float().cpu().numpy().tobytes())
        return digest.hexdigest()


@register_trainer("suite_sweep")
class SweepTrainer(SuiteTrainer):
    worker_class = SweepWorker

    def fit(self, agent_loop_manager):
        work, initial = self.work, str(self.work / "initial")
        updates = self.config.suite.updates_per_step
        self.actor_rollout_wg.save_checkpoint(initial, None, 0)
        order, weights = self.train_dataloader.state_dict(), self.actor_rollout_wg.weights_sha256()
        for folder, name, settings in OmegaConf.to_container(self.config.suite.sweep):
            self._go_back(initial, order)
            method = build(name, settings)
            self.use_method(method)
            self.actor_rollout_wg.use_method(name, settings)
            with open_dict(self.config):
                actor, prompts = self.config.actor_rollout_ref.actor, self.config.data.train_batch_size
                actor.ppo_epochs = method.settings.epochs
                actor.ppo_mini_batch_size = prompts // (method.settings.updates_per_step or updates)
            self.work = work / folder
            self.work.mkdir(parents=True, exist_ok=True)
            try:
                super().fit(agent_loop_manager)
                changed = self.actor_rollout_wg.weights_sha256() != weights
                lines = list(read_jsonl(self.work / "steps.jsonl"))
                result = {"status": "ran", "weights_changed": changed, "last": lines[-1], "steps": len(lines)}
            except Exception as error:  # whatever goes wrong is this method's result; the others still run
                traceback.print_exc()
                result = {"status": f"failed: {str(error).strip().splitlines()[-1]}"}
                self._clear_queue()
            write_json(self.work / "result.json", result)

    def _go_back(self, initial: str, order: dict) -> None:
        self.actor_rollout_wg.load_checkpoint(initial)
        self.train_dataloader.load_state_dict(order)
        self.train_dataloader_it, self.global_steps, self._numbered_step = None, 0, -1
        self._dump_executor = ThreadPoolExecutor(max_workers=1)  # verl's fit shuts it down at its end
        self.checkpoint_manager.update_weights(self.global_steps)

    def _clear_queue(self) -> None:
        for partition, items in (tq.kv_list() or {}).items():
            if items:
                tq.kv_clear(partition_id=partition, keys=list(items))
