"""What a training on a few cores does otherwise than one on GPUs: fewer processes, which start side by side.

On two cores a start is imports: each process that knows verl takes as long for them as several steps of a small model. verl
samples in processes of their own and asks another one which server to use, so that a thousand long responses wait for no
Python; a hundred short ones are sampled by this process, which has nothing else to do meanwhile. It puts them into verl's
queue all at once, with no more of their prompts than is read again: each by itself, as verl's processes do it, they took a
sixth of a small model's step. And verl starts the engine when the actor stands, since the two share a GPU's memory; here they start at
once.
"""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Self

import hydra
import ray
import torch
import transfer_queue as tq
from omegaconf import DictConfig
from tensordict import TensorDict
from verl.experimental.agent_loop.agent_loop import (
    AgentLoopBase,
    AgentLoopOutput,
    DictConfigWrap,
    ToolListWrap,
    _agent_loop_registry,
)
from verl.single_controller.base.decorator import Dispatch, register
from verl.trainer.ppo.v1 import register_trainer
from verl.trainer.ppo.v1.agent_loop_tq import AgentLoopWorkerTQ
from verl.utils.debug import marked_timer
from verl.utils.tensordict_utils import list_of_dict_to_tensordict
from verl.workers.rollout.llm_server import LLMServerClient
from verl.workers.rollout.router import GlobalRequestLoadBalancer
from verl.workers.rollout.vllm_rollout import vllm_async_server  # noqa: F401  (verl would, while all else waits for it)

from stages.backend.trainer import BenchTrainer
from stages.backend.worker import SIGN_SECONDS, MethodWorker

VerlAgentLoopWorker = AgentLoopWorkerTQ.__ray_metadata__.modified_class  # what verl makes a Ray actor of
POLL_SECONDS = 0.1
# Of what is no tensor, what is read after a response is there.
OF_PROMPT, OF_RESPONSE = ("uid", "raw_prompt", "reward_model", "extra_info"), ("num_turns", "extra_fields")


class LocalWorker(MethodWorker):
    """`init_model` leaves the model to `load`: while it loads, Ray's actor answers nobody, and the engine asks it."""

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def init_model(self) -> None:
        pass

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def load(self) -> None:
        super().init_model()


@register_trainer("bench_local")
class LocalTrainer(BenchTrainer):
    worker_class: ClassVar[type[MethodWorker]] = LocalWorker

    def _setup(self) -> None:
        """verl's, during which the actor loads its model as soon as the engine starts."""
        ended = threading.Event()
        with ThreadPoolExecutor(1) as beside:
            loaded = beside.submit(self._load_beside_engine, ended)
            try:
                super()._setup()
            finally:
                ended.set()
            loaded.result()
        ray.kill(self.llm_server_manager.global_load_balancer)  # `LocalClient` has one in this process

    def _load_beside_engine(self, ended: threading.Event) -> None:
        """Waits until the engine's process is asked for: before, it asks the actor where that runs."""
        while not any("server" in name for name in ray.util.list_named_actors()):
            if ended.wait(POLL_SECONDS):
                return
        self.actor_rollout_wg.load()

    def prepare_step(self) -> dict[str, Any]:
        with marked_timer("gen", self.timing_raw):  # verl's name of the part of a step that samples
            return super().prepare_step()

    def get_llm_client(self) -> LLMServerClient:
        manager = self.llm_server_manager
        return LocalClient(self.config, dict(zip(manager.server_addresses, manager.server_handles, strict=True)))


class LocalClient(LLMServerClient):
    """verl's, with verl's balancer of `servers` (address -> Ray's handle) in it, where verl has it in another process."""

    def __init__(self, config: DictConfig, servers: dict[str, Any]):
        super().__init__(config)
        self._balancer = GlobalRequestLoadBalancer(servers)

    async def _acquire_server(self, request_id: str, **extra: Any) -> tuple[str, Any]:
        return self._balancer.acquire_server(request_id)

    def _release_server(self, server_id: str, request_id: str | None = None) -> None:
        self._balancer.release_server(server_id, request_id)


class LocalAgentLoopManager:
    """verl's manager, as far as its trainer uses it; but `generate_sequences` returns when the responses are there."""

    def __init__(self, **kwargs: Any):
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="agent-loop", daemon=True).start()
        self._worker = self._run(self._make_worker(kwargs))

    @classmethod
    def create(cls, **kwargs: Any) -> Self:
        return cls(**kwargs)

    def generate_sequences(self, prompts: TensorDict) -> None:
        """Samples `prompts`, and puts the responses into verl's queue."""
        self._run(self._worker.sample(prompts))

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _make_worker(self, kwargs: dict[str, Any]) -> "LocalAgentLoopWorker":
        return LocalAgentLoopWorker(**kwargs)  # in the loop that it samples in


class LocalAgentLoopWorker(VerlAgentLoopWorker):  # type: ignore[misc, valid-type]
    """verl's worker with one agent loop of a kind for all responses, where verl makes one for each.

    And with one message to the queue for the responses to a batch of prompts, where verl sends one for each.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._agent_loops: dict[str, AgentLoopBase] = {}
        self._responses: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}  # key in the queue -> fields, tag

    async def sample(self, prompts: TensorDict) -> None:
        """Returns when every prompt has its responses in the queue, or is marked there as failed."""
        self._responses.clear()
        await self.generate_sequences(prompts)
        while (await asyncio.wait([*self.background_tasks], timeout=SIGN_SECONDS))[1]:
            print(f"bench: {len(self._responses)} responses so far", flush=True)
        if self._responses:
            fields, tags = zip(*self._responses.values(), strict=True)
            await tq.async_kv_batch_put(
                keys=list(self._responses),
                fields=list_of_dict_to_tensordict(fields),
                tags=list(tags),
                partition_id="train",
            )

    async def _run_agent_loop(
        self,
        sampling_params: dict[str, Any],
        trajectory: dict[str, Any],
        *,
        agent_name: str,
        trace: bool = False,
        **kwargs: Any,
    ) -> None:
        if agent_name not in self._agent_loops:
            self._agent_loops[agent_name] = self._agent_loop(agent_name)
        output = await self._agent_loops[agent_name].run(sampling_params, **kwargs)
        self._responses[f"{kwargs['uid']}_{kwargs['session_id']}_0"] = in_queue(output, kwargs)

    def _agent_loop(self, agent_name: str) -> AgentLoopBase:
        return hydra.utils.instantiate(
            config=_agent_loop_registry[agent_name],
            trainer_config=DictConfigWrap(config=self.config),
            server_manager=self.llm_client,
            tokenizer=self.tokenizer,
            processor=self.processor,
            hf_model_type=self.hf_model_type,
            dataset_cls=self.dataset_cls,
            data_config=DictConfigWrap(self.config.data),
            tools=ToolListWrap(self.tools),
        )


def in_queue(output: AgentLoopOutput, prompt: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fields and tag of a text that has its reward, as verl's worker would put them, without the fields that nobody reads."""
    fields = output.as_dict()
    whole = torch.cat([fields["prompts"], fields["responses"]])
    versions = fields["extra_fields"]
    tag = {
        "status": "success",
        "prompt_len": len(fields["prompts"]),
        "response_len": len(fields["responses"]),
        "seq_len": len(whole),
        "global_steps": prompt["global_steps"],
        "min_global_steps": versions.get("min_global_steps"),
        "max_global_steps": versions.get("max_global_steps"),
    }
    return {
        **{name: value for name, value in fields.items() if name in OF_RESPONSE or isinstance(value, torch.Tensor)},
        **{name: prompt[name] for name in OF_PROMPT},
        "loss_mask": fields["response_mask"],
        "input_ids": whole,
        "position_ids": torch.arange(len(whole)),
    }, tag
