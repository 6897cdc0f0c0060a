"""What a training on a few cores puts into verl's queue, against what verl's own worker puts there."""

import asyncio

import pytest
import torch
from verl.experimental.agent_loop.agent_loop import AgentLoopOutput
from verl.trainer.ppo.v1 import agent_loop_tq

from stages.backend.local import OF_PROMPT, OF_RESPONSE, VerlAgentLoopWorker, in_queue

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


def response(**more) -> AgentLoopOutput:
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
        **more,
    )


class OneText:
    """What verl's worker asks itself for, of a text without images and without a teacher."""

    processor, reward_loop_worker_handles, distillation_enabled = None, None, False


@pytest.fixture
def of_verl(monkeypatch):
    """Key, fields and tag that verl's worker puts for the response."""
    put = {}

    async def keep(keys, fields, tags, partition_id):
        put.update(keys=keys, fields=fields, tags=tags, partition=partition_id)

    monkeypatch.setattr(agent_loop_tq.tq, "async_kv_batch_put", keep)
    worker = type("Worker", (OneText, VerlAgentLoopWorker), {"__init__": lambda self: None})()
    asyncio.run(worker._agent_loop_postprocess(response(), False, **PROMPT))
    assert put["partition"] == "train"
    return put


def test_fields_and_tag_are_those_of_verl(of_verl):
    fields, tag = in_queue(response(), PROMPT)
    assert of_verl["keys"] == [f"{PROMPT['uid']}_{PROMPT['session_id']}_0"] and of_verl["tags"] == [tag]
    verls = {name: of_verl["fields"][name][0] for name in of_verl["fields"].keys()}  # noqa: SIM118 (without it: rows)
    for name, value in fields.items():
        theirs = getattr(verls[name], "data", verls[name])
        if isinstance(value, torch.Tensor):
            assert verls[name].dtype == value.dtype and verls[name].tolist() == value.tolist(), name
        else:
            assert theirs == value, name


def test_only_what_nobody_reads_is_left_out(of_verl):
    fields, _ = in_queue(response(), PROMPT)
    left_out = set(of_verl["fields"].keys()) - set(fields)
    tensors = {name for name in left_out if isinstance(of_verl["fields"][name], torch.Tensor)}
    assert not tensors and not left_out & {*OF_PROMPT, *OF_RESPONSE}
