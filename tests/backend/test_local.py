"""What a training on a few cores puts into verl's queue, against what verl's own worker puts there."""

import asyncio

import pytest
import torch
from verl.experimental.agent_loop.agent_loop import AgentLoopOutput
from verl.trainer.ppo.v1 import agent_loop_tq

from stages.backend import local
from stages.backend.local import OF_PROMPT, OF_RESPONSE, LocalAgentLoopWorker, VerlAgentLoopWorker, in_queue

PROMPT = {
    "uid": "step000002prompt000003",
    "session_id": 1,
    "global_steps": 2,
    "raw_prompt": [{"role": "user", "content": "1+1"}],
    "reward_model": {"ground_truth": "2"},
    "extra_info": {"id": "sum-1"},
    "data_source": "lab_sum",
    "temperature": 1.0,
}


def response() -> AgentLoopOutput:
    return AgentLoopOutput(
        prompt_ids=[5, 6, 7],
        response_ids=[8, 9],
        response_mask=[0, 1],
        response_logprobs=[-0.5, -0.25],
        reward_score=1.0,
        num_turns=2,
        metrics={"generate_sequences": 0.1},
        multi_modal_data={},
        extra_fields={
            "reward_extra_info": {"correct": True, "answer": "2"},
            "min_global_steps": 1,
            "max_global_steps": 2,
        },
    )


class OneText:
    """What verl's worker asks itself for, of a text without images and without a teacher."""

    processor, reward_loop_worker_handles, distillation_enabled = None, None, False


@pytest.fixture
def messages(monkeypatch):
    """What is put into the queue, a dict each time."""
    put = []

    async def keep(**message):
        put.append(message)

    monkeypatch.setattr(agent_loop_tq.tq, "async_kv_batch_put", keep)
    return put


@pytest.fixture
def of_verl(messages):
    """Keys, fields and tags that verl's worker puts for the response."""
    worker = type("Worker", (OneText, VerlAgentLoopWorker), {"__init__": lambda self: None})()
    asyncio.run(worker._agent_loop_postprocess(response(), False, **PROMPT))
    (message,) = messages
    messages.clear()
    return message


class SlowLoop:
    async def run(self, sampling_params, **prompt):
        await asyncio.sleep(0.05)
        return response()


class Worker(LocalAgentLoopWorker):
    """With two sessions for a prompt, and no engine."""

    def __init__(self):
        self._agent_loops, self._responses, self.background_tasks = {"slow": SlowLoop()}, {}, set()

    async def generate_sequences(self, prompts):
        for session in (0, 1):
            prompt = PROMPT | {"session_id": session}
            self.background_tasks.add(asyncio.create_task(self._run_agent_loop({}, {}, agent_name="slow", **prompt)))


def test_one_message_for_all_with_keys_of_verl(of_verl, messages, monkeypatch, capsys):
    monkeypatch.setattr(local, "SIGN_SECONDS", 0.02)
    asyncio.run(Worker().sample(None))
    (message,) = messages
    assert len(message["keys"]) == len(message["tags"]) == len(message["fields"]) == 2
    assert of_verl["keys"] == message["keys"][1:] and of_verl["partition_id"] == message["partition_id"]
    assert "bench: 0 responses so far" in capsys.readouterr().out  # or a long wait would be taken for the end


def test_fields_and_tag_are_those_of_verl(of_verl):
    fields, tag = in_queue(response(), PROMPT)
    assert of_verl["tags"] == [tag]
    for name, value in fields.items():
        theirs = of_verl["fields"][name][0]
        if isinstance(value, torch.Tensor):
            assert theirs.dtype == value.dtype and theirs.tolist() == value.tolist(), name
        else:
            assert getattr(theirs, "data", theirs) == value, name


def test_only_what_nobody_reads_is_left_out(of_verl):
    fields, _ = in_queue(response(), PROMPT)
    left_out = set(of_verl["fields"].keys()) - set(fields)
    tensors = {name for name in left_out if isinstance(of_verl["fields"][name], torch.Tensor)}
    assert not tensors and not left_out & {*OF_PROMPT, *OF_RESPONSE}
