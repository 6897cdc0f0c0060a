"""verl's synchronous PPO trainer with the bench's methods, seeds, controllers and step log, for one run after the other.

A session starts Ray, actor and engine once. Before each of its runs, all that a run changes goes back to its start, so that
a run gives the same bytes whatever ran before it.

Each step adds a line to `steps.jsonl` (stages/artifacts/steps.py: the same
bytes for the same seed) and one to `timings.jsonl` (seconds and memory, which differ from run to run).
"""

import json
import os
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean
from typing import Any, ClassVar

import pyarrow.parquet as pq
import ray
import transfer_queue as tq
from omegaconf import DictConfig, open_dict
from tensordict import TensorDict
from torchdata.stateful_dataloader import StatefulDataLoader
from transfer_queue import KVBatchMeta
from transformers import AutoConfig
from verl.experimental.agent_loop import AgentLoopManager
from verl.trainer.ppo.utils import Role, create_rl_dataset, create_rl_sampler
from verl.trainer.ppo.v1 import PPOTrainerSync, register_trainer
from verl.utils import tensordict_utils as tu
from verl.utils.dataset.rl_dataset import collate_fn
from verl.utils.debug import marked_timer
from verl.workers.utils.padding import response_from_nested, response_to_nested

from stages.artifacts.model import check_model
from stages.artifacts.steps import OWN, line_of
from stages.backend.bench_config import RUN_BEGINS, BenchConfig, BenchRun
from stages.backend.checkpoints import checkpoint, exported, keep_last_whole, kept_weights, mark_whole, rewind_log
from stages.backend.loggers import forget_run, variables_of_run
from stages.backend.loss import logged_by_loss
from stages.backend.measure import TokenClasses, measure
from stages.backend.mini_batches import shared_out
from stages.backend.perplexity import perplexities
from stages.backend.replay_buffer import WaveReplayBuffer
from stages.backend.responses import read_responses
from stages.backend.teacher import told_more
from stages.backend.validation import Validator, read_problems
from stages.backend.worker import MethodWorker
from stages.common.files import dump_line, output_folder, write_json
from stages.methods import build
from stages.rl.batch import State, TrainingStep
from stages.rl.method import OF_THE_POLICY, Method
from stages.rl.selection import window
from stages.rl.settings import Rollout

BRANCHING = {"branch_of", "branch_top_entropy"}
# Fields of a response that a worker is sent for a pass of the model, and beside them for an update. Without a choice verl
# sends all, and moving problems and answers, which are no tensors, takes as long as the passes of a small model.
PASS = ["prompts", "responses", "response_mask", "loss_mask", "input_ids", "position_ids"]
UPDATE = ["old_log_probs", "entropy", "advantages", "bench_reward", "bench_correct", "bench_group", "bench_index"]
POLL_SECONDS = 0.05  # verl's 2 s between looks at the replay buffer would dominate a small step


@register_trainer("bench")
class BenchTrainer(PPOTrainerSync):
    worker_class: ClassVar[type[MethodWorker]] = MethodWorker
    method: Method
    state: State
    work: Path
    validator: Validator | None

    def __init__(self, config: DictConfig):
        with open_dict(config):
            config.trainer.v1.trainer_mode = "sync"  # the rest of verl branches on this name
        super().__init__(config)
        self.bench = BenchConfig.of(config.actor_rollout_ref)
        self.temperature = float(config.actor_rollout_ref.rollout.temperature)  # of the profile
        model = AutoConfig.from_pretrained(config.actor_rollout_ref.model.path, trust_remote_code=False)
        self.model_config = model.get_text_config()

    # -- the runs of a session -------------------------------------------------------------------------------------

    def fit(self, agent_loop_manager: AgentLoopManager) -> None:
        """Trains every run with verl's `fit`. A run that fails leaves its reason in `failed.json`, and the next begins."""
        for run in self.bench.runs:
            self._begin(run)
            try:
                super().fit(agent_loop_manager)
                end = {"weights_changed": any(self.actor_rollout_wg.weights_changed())} if self.bench.shared else {}
                write_json(self.work / "ended.json", end)
            except Exception as error:  # whatever goes wrong is this run's result; the others still run
                traceback.print_exc()
                reason = str(error).strip() or type(error).__name__
                write_json(self.work / "failed.json", {"reason": reason.splitlines()[-1]})
                if not self._clear_queue():
                    raise  # what still comes in would be taken for the next run's
            finally:
                if hasattr(self, "logger"):  # not where a logger could not start
                    self.logger.finish()  # before the next run's are made: Weights & Biases has one run at a time
                forget_run(self.config.trainer.logger)

    def on_train_begin(self) -> None:
        """verl goes on without a logger that cannot start, in silence; here that is an error."""
        super().on_train_begin()
        if missing := [name for name in self.config.trainer.logger if name not in self.logger.logger]:
            raise RuntimeError(f"backend.loggers: {missing[0]} did not start; the lines above say why")

    def _begin(self, run: BenchRun) -> None:
        """Everything as at the start of `run` or, where it has a checkpoint, as there."""
        print(f"{RUN_BEGINS} {run.name}", flush=True)
        self.run, self.work = run, run.work
        os.environ.update(variables_of_run(run.work))
        self.config.merge_with(run.settings)
        self.use_reference_policy = run.reference != "none"
        self.method = build(run.method, run.method_settings)
        self.state = self.method.initial_state()
        self._numbered_step, self._numbered = -1, 0
        self.replay_buffer = self._build_replay_buffer()
        self._init_dump_executor()  # verl's fit shuts it down at its end
        data = self.config.data
        self.train_dataloader = StatefulDataLoader(  # as in verl's _init_dataloader
            dataset=self.train_dataset,
            batch_size=data.train_batch_size,
            num_workers=data.dataloader_num_workers,
            drop_last=True,
            collate_fn=collate_fn,
            sampler=create_rl_sampler(data, self.train_dataset),
        )
        self.train_dataloader_it = None
        write_json(self.work / "prompts.json", self.prompts)
        self.actor_rollout_wg.begin(run.method, run.method_settings, run.seed)
        self._load_checkpoint()
        self.checkpoint_manager.update_weights(self.global_steps)

    def _clear_queue(self) -> bool:
        """Empties verl's queue; False where responses are still being sampled."""
        queued = tq.kv_list() or {}
        for partition, items in queued.items():
            if items:
                tq.kv_clear(partition_id=partition, keys=list(items))
        return not any(
            tag.get("status") in ("pending", "running") for items in queued.values() for tag in items.values()
        )

    def on_init_end(self) -> None:
        """verl gives the engine the weights here; `_begin` does. The validator's tokenizer is there from here on."""
        self.validator = None
        validation, file = self.bench.validation, self.bench.validation_file
        if validation and file:
            problems, longest = read_problems(Path(file), validation.prompts), self.bench.max_response_tokens
            self.validator = Validator(problems, validation, self.bench.reward, self.tokenizer, longest)

    def _init_dataloader(self) -> None:
        """verl leaves out the prompts that are too long; every run's record says how many (`prompts.json`)."""
        data = self.config.data
        kept = len(create_rl_dataset(data.train_files, data, self.tokenizer, self.processor))
        rows = pq.read_metadata(data.train_files).num_rows
        if kept < data.train_batch_size:
            raise ValueError(
                f"train.max_prompt_tokens: {kept} of {rows} prompts have at most {data.max_prompt_length} tokens, fewer"
                f" than prompts_per_step ({data.train_batch_size}); allow longer prompts"
            )
        self.prompts = {"prompts": kept, "prompts_too_long": rows - kept}
        super()._init_dataloader()

    def _build_replay_buffer(self) -> WaveReplayBuffer:
        sampler, prompts = self.config.trainer.v1.sampler, self.config.data.train_batch_size
        return WaveReplayBuffer(
            trainer_mode=self.trainer_mode,
            trainer_config=self.config.trainer.v1.sync,
            max_off_policy_threshold=sampler.max_off_policy_threshold,
            max_off_policy_strategy=sampler.max_off_policy_strategy,
            sampler_kwargs=sampler.sampler_kwargs,
            poll_interval=POLL_SECONDS,
            refill_fn=self._add_prompts_to_generate,
            train_batch_size=prompts,
            gen_batch_size=prompts,
        )

    # -- seeds and order -------------------------------------------------------------------------------------------

    def prepare_step(self) -> dict[str, Any]:
        rollout = self.method.rollout(self._training_step())
        self.replay_buffer.resample, self.replay_buffer.dropped = rollout.resample_uniform_groups, 0
        # verl reads it before every pass of the step; the engine is told with each batch of prompts
        self.config.actor_rollout_ref.rollout.temperature = rollout.temperature or self.temperature
        self._perplexities: list[float] = []  # of the prompts that were chosen for it
        return super().prepare_step()

    def _fetch_one_gen_batch(self) -> TensorDict:
        """Names each prompt by its step and place in it, so that the seeds made of the names survive a resume."""
        rollout = self.method.rollout(self._training_step())
        batch = super()._fetch_one_gen_batch()
        if rollout.candidate_batches > 1:
            batch = self._chosen(batch, rollout)
        tu.assign_non_tensor(batch, run_seed=self.run.seed, temperature=rollout.temperature or self.temperature)
        if rollout.branch_of:
            tu.assign_non_tensor(batch, agent_name="branching", **rollout.model_dump(include=BRANCHING))
        if self._numbered_step != self.global_steps:
            self._numbered_step, self._numbered = self.global_steps, 0
        numbers = range(self._numbered, self._numbered + len(batch))
        self._numbered += len(batch)
        # no "_" in them: verl splits its keys there
        tu.assign_non_tensor_stack(batch, "uid", [f"step{self.global_steps:06d}prompt{i:06d}" for i in numbers])
        return batch

    def _chosen(self, first: TensorDict, rollout: Rollout) -> TensorDict:
        """As many prompts as `first` has, of it and the batches after it, by what the policy makes of them.

        ValueError where the training set has fewer batches than that.
        """
        if rollout.candidate_batches > len(self.train_dataloader):
            raise ValueError(
                f"candidate_batches: {rollout.candidate_batches} batches of {len(first)} prompts are more than the "
                f"training set's {self.prompts['prompts']} prompts; give at most {len(self.train_dataloader)}"
            )
        others = [super(BenchTrainer, self)._fetch_one_gen_batch() for _ in range(rollout.candidate_batches - 1)]
        candidates = tu.concat_tensordict([first, *others])
        prompts = [
            self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=False)
            for messages in candidates.get("raw_prompt").tolist()
        ]
        found = perplexities(self.get_llm_client(), prompts, f"step{self.global_steps}candidate")
        chosen = window(found, len(first), rollout.candidate_place)
        self._perplexities += [found[i] for i in chosen]
        return tu.index_select_tensor_dict(candidates, chosen)

    def _balance_batch(self, batch: KVBatchMeta, metrics: dict[str, Any], **kwargs) -> KVBatchMeta:
        """Sorts the responses by key, since they arrive in any order, and shares each mini-batch out among the devices.

        verl would share out the step's responses by their lengths: the number of devices would then decide which of
        them make up a mini-batch. And it would fill up a batch that lost some; here that is an error.
        """
        expected = self.config.data.train_batch_size * self.config.actor_rollout_ref.rollout.n
        if len(batch.keys) != expected:
            raise RuntimeError(
                f"step {self.global_steps}: {len(batch.keys)} of {expected} responses arrived; an error above says why"
            )
        batch.reorder(sorted(range(len(batch.keys)), key=lambda i: batch.keys[i]))
        lengths = [tag["seq_len"] for tag in batch.tags]
        mini_batch = self.config.actor_rollout_ref.actor.ppo_mini_batch_size * self.config.actor_rollout_ref.rollout.n
        devices = self.config.trainer.nnodes * self.config.trainer.n_gpus_per_node
        batch.reorder(shared_out(lengths, mini_batch, devices))
        return batch

    def _init_resource_pool_mgr(self) -> None:
        super()._init_resource_pool_mgr()
        for role in (Role.ActorRollout, Role.ActorRolloutRef):
            if role in self.role_worker_mapping:
                self.role_worker_mapping[role] = ray.remote(self.worker_class)

    # -- what the workers are sent ---------------------------------------------------------------------------------

    def _compute_old_log_prob(self, batch: KVBatchMeta, metrics: dict[str, Any]) -> KVBatchMeta:
        batch.fields = PASS
        return super()._compute_old_log_prob(batch, metrics)

    # -- the method's hooks that live on the driver ----------------------------------------------------------------

    def _compute_advantage(self, batch: KVBatchMeta, metrics: dict[str, Any]) -> KVBatchMeta:
        """The method's advantages in place of verl's estimator, from all of the step's responses at once."""
        responses, response_mask = read_responses(batch, self._training_step(), self.tokenizer, self.method.reference)
        responses = replace(
            responses,
            temperature=self.config.actor_rollout_ref.rollout.temperature,
            vocabulary=self.model_config.vocab_size,
            longest=self.config.data.max_response_length,
        )
        advantages = self.method.advantages(responses)
        fields = {
            "advantages": response_to_nested(advantages, response_mask),
            "returns": response_to_nested(advantages.clone(), response_mask),
            "bench_reward": responses.rewards,
            "bench_correct": responses.correct,
            "bench_group": responses.group,
            "bench_index": responses.index,
        }
        batch = tq.kv_batch_put(
            keys=batch.keys, partition_id=batch.partition_id, fields=TensorDict(fields, batch_size=len(batch))
        )
        self._step_responses = responses
        self._measured = measure(responses, TokenClasses.of(self.tokenizer))
        if self.replay_buffer.resample:
            self._measured["dropped_groups"] = self.replay_buffer.dropped
        if self._perplexities:
            self._measured[f"{OWN}prompt_perplexity"] = fmean(self._perplexities)
        return batch

    def _compute_ref_log_prob(self, batch: KVBatchMeta, metrics: dict[str, Any]) -> KVBatchMeta:
        batch.fields = PASS
        reference, rollout = self.method.reference, self.config.actor_rollout_ref.rollout
        if reference == "initial":
            return super()._compute_ref_log_prob(batch, metrics)
        at_once = rollout.log_prob_max_token_len_per_gpu if rollout.log_prob_use_dynamic_bsz else None
        room = self.model_config.max_position_embeddings
        with told_more(batch, self.tokenizer, reference, room, at_once) as asked:
            if reference in OF_THE_POLICY:
                self._ask_policy(asked)
            else:
                super()._compute_ref_log_prob(asked, metrics)
        return batch

    def _ask_policy(self, batch: KVBatchMeta) -> None:
        """Writes what verl's `_compute_ref_log_prob` writes, and entropies beside it, of the policy before its update."""
        temperature = self.config.actor_rollout_ref.rollout.temperature
        batch.extra_info.update(calculate_entropy=True, compute_loss=False, temperature=temperature)
        self.actor_rollout_wg.compute_log_prob(batch)
        fields = ["log_probs", "entropy", "response_mask"]
        data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=fields)
        for name, of_pass in (("ref_log_prob", "log_probs"), ("ref_entropy", "entropy")):
            data[name] = response_from_nested(data.pop(of_pass), data["response_mask"])
        tq.kv_batch_put(
            keys=batch.keys, partition_id=batch.partition_id, fields=data.select("ref_log_prob", "ref_entropy")
        )

    def _training_step(self) -> TrainingStep:
        return TrainingStep(self.global_steps, self.total_training_steps, self.state, self.run.seed)

    def _update_actor(self, batch: KVBatchMeta, metrics: dict[str, Any]) -> KVBatchMeta:
        """verl's update, then the method's next state."""
        numbers = {name: value for name, value in self.state.items() if isinstance(value, int | float)}
        training_step = replace(self._training_step(), state=numbers, entropy=self._measured["entropy"])
        batch.extra_info["bench_training_step"] = asdict(training_step)
        engine = self.method.uses_engine_log_prob or self.bench.engine_correction != "none"
        asked = {"ref_log_prob": self.use_reference_policy, "rollout_log_probs": engine}
        batch.fields = [*PASS, *UPDATE, *(name for name, wanted in asked.items() if wanted)]
        of_update: dict[str, Any] = {}  # apart from `metrics`: verl logs an entropy of its own there before
        batch = super()._update_actor(batch, of_update)
        metrics.update(of_update)
        logged = logged_by_loss(of_update, self.state)
        actor = self.config.actor_rollout_ref.actor
        updates = self.config.data.train_batch_size // actor.ppo_mini_batch_size * actor.ppo_epochs
        # verl gives the mean over the step's updates, and what is accumulated is a sum
        accumulated = {name: logged.pop(name) * updates for name in self.state.keys() & logged.keys()}
        self._logged = {f"{OWN}{name}": value for name, value in numbers.items()} | logged
        self.state = self.method.update_state(self._step_responses, self._measured | logged | accumulated)
        return batch

    # -- the log ---------------------------------------------------------------------------------------------------

    def step(self, metrics: dict[str, Any], timing_raw: dict[str, float]) -> KVBatchMeta:
        """The validation that is due, verl's step, then its line in the log: before the checkpoint, so that a
        checkpointed step is always logged.

        ValueError where a value is not finite, or is none that a line may have.
        """
        validated = self._validated(timing_raw)
        batch = super().step(metrics, timing_raw)
        values = {
            "step": self.global_steps,
            **validated,
            **self._measured,
            **self._logged,
            "gradient_norm": float(metrics["actor/grad_norm"]),
            "learning_rate": float(metrics["actor/lr"]),
            "rollout_probability_difference": float(metrics["training/rollout_probs_diff_max"]),
        }
        try:
            line = line_of(values)
        except ValueError as error:
            raise ValueError(f"step {self.global_steps}: {error}; the step's values are {values}")
        self._append("steps.jsonl", line)
        metrics.update({f"bench/{name}": value for name, value in line.items()})  # for the loggers
        return batch

    def _validated(self, timing_raw: dict[str, float]) -> dict[str, float]:
        """Of the policy that samples this step, while the engine has nothing else to do; empty between two validations."""
        if self.validator is None or not self.validator.due(self.global_steps):
            return {}
        with marked_timer("validation", timing_raw):
            return {"validation_correct": self.validator.share(self.get_llm_client(), self.run.seed)}

    def _compute_metrics(
        self, batch: KVBatchMeta, metrics: dict[str, Any], timing_raw: dict[str, float], global_steps: int, epoch: int
    ) -> None:
        super()._compute_metrics(batch, metrics, timing_raw, global_steps, epoch)
        memory = {name: float(metrics[name]) for name in metrics if "perf/max_memory" in name}
        self._append("timings.jsonl", {"step": global_steps, "seconds": dict(timing_raw), **memory})

    def _append(self, name: str, line: dict[str, Any]) -> None:
        with (self.work / name).open("a", encoding="utf-8") as stream:
            stream.write(dump_line(line))

    # -- checkpoints -----------------------------------------------------------------------------------------------

    def _save_checkpoint(self) -> None:
        """The method's state, verl's own part, the weights that are kept, then the mark that all are whole."""
        checkpoints = Path(self.config.trainer.default_local_dir)
        folder = checkpoint(checkpoints, self.global_steps)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "method_state.json").write_text(json.dumps(self.state), encoding="utf-8")
        super()._save_checkpoint()
        self._keep_weights()
        mark_whole(checkpoints, self.global_steps)

    def _load_checkpoint(self) -> None:
        if not hasattr(self, "run"):  # verl calls it once before the first run begins
            return
        checkpoints = Path(self.config.trainer.default_local_dir)
        keep_last_whole(checkpoints)
        super()._load_checkpoint()
        if self.global_steps:
            folder = checkpoint(checkpoints, self.global_steps)
            self.state = json.loads((folder / "method_state.json").read_text(encoding="utf-8"))
        for name in ("steps.jsonl", "timings.jsonl"):  # what came after the checkpoint happens again
            rewind_log(self.work / name, self.global_steps)

    def _keep_weights(self) -> None:
        """Keeps the weights of a step that is asked for: of its checkpoints verl keeps the last two."""
        if self.global_steps in self.run.kept_steps:
            saved = checkpoint(Path(self.config.trainer.default_local_dir), self.global_steps)
            with output_folder(kept_weights(self.work, self.global_steps), check_model) as folder:
                for file in exported(saved).iterdir():
                    os.link(file, folder / file.name)
