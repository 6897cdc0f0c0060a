"""A teacher that knows the answer: the reference policy on the same responses, after prompts that give the answer."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import transfer_queue as tq
from tensordict import TensorDict
from transfer_queue import KVBatchMeta
from transformers import PreTrainedTokenizerBase

# The wording is this bench's: the sources publish none.
HINT = "{problem}\nThe answer is {answer}."
FIELDS = ["raw_prompt", "reward_model", "responses", "response_mask"]


@contextmanager
def with_answer(batch: KVBatchMeta, tokenizer: PreTrainedTokenizerBase) -> Iterator[KVBatchMeta]:
    """A copy of `batch` with the answer in its prompts, for as long as the block runs.

    The block has to write `ref_log_prob` for the copy; at its end that is written for `batch` too.
    """
    data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=FIELDS)
    messages, solutions = (data.pop(name).tolist() for name in ("raw_prompt", "reward_model"))
    prompts = [_prompt(*pair, tokenizer) for pair in zip(messages, solutions, strict=True)]
    whole = [
        torch.cat([prompt, response]) for prompt, response in zip(prompts, data["responses"].unbind(), strict=True)
    ]
    fields = {
        "prompts": prompts,
        "responses": list(data["responses"].unbind()),
        "response_mask": list(data["response_mask"].unbind()),
        "loss_mask": list(data["response_mask"].unbind()),
        "input_ids": whole,
        "attention_mask": [torch.ones_like(ids) for ids in whole],
        "position_ids": [torch.arange(len(ids)) for ids in whole],
    }
    nested = {name: torch.nested.as_nested_tensor(values, layout=torch.jagged) for name, values in fields.items()}
    keys = [f"{key}_taught" for key in batch.keys]
    asked = tq.kv_batch_put(keys=keys, partition_id=batch.partition_id, fields=TensorDict(nested, batch_size=len(keys)))
    asked.extra_info = dict(batch.extra_info)
    yield asked
    answers = tq.kv_batch_get(keys=keys, partition_id=batch.partition_id, select_fields=["ref_log_prob"])
    tq.kv_batch_put(keys=batch.keys, partition_id=batch.partition_id, fields=answers)
    tq.kv_clear(partition_id=batch.partition_id, keys=keys)


def _prompt(
    messages: list[dict[str, str]], solution: dict[str, str], tokenizer: PreTrainedTokenizerBase
) -> torch.Tensor:
    """Token ids of the prompt with the answer after the last message."""
    *before, last = messages
    hinted = {**last, "content": HINT.format(problem=last["content"], answer=solution["ground_truth"])}
    ids = tokenizer.apply_chat_template([*before, hinted], add_generation_prompt=True, tokenize=True, return_dict=False)
    return torch.tensor(ids)
