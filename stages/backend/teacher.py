"""A teacher: the reference policy on the same responses, after prompts that tell it more than the policy was told."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import transfer_queue as tq
from tensordict import TensorDict
from transfer_queue import KVBatchMeta
from transformers import PreTrainedTokenizerBase

from stages.rl.method import OF_THE_POLICY, Reference

# The wordings are this bench's: the sources publish none, or each another.
ANSWER = "\nThe answer is {answer}."
SOLUTION = "\nA correct solution:\n{solution}"
FIELDS = ["raw_prompt", "reward_model", "responses", "response_mask"]
OF_SOLUTIONS = ["uid", "extra_fields"]
SAID = ("ref_log_prob", "ref_entropy")  # of each response; the second by the old policy only


@contextmanager
def told_more(
    batch: KVBatchMeta, tokenizer: PreTrainedTokenizerBase, reference: Reference, room: int, at_once: int | None
) -> Iterator[KVBatchMeta]:
    """A copy of `batch` with what `reference` is told in its prompts, for as long as the block runs.

    The block has to write `ref_log_prob` for the copy and, of the old policy, `ref_entropy`; at its end they are written
    for `batch` too. `room` is the longest sequence that the model holds, and `at_once` how many tokens verl passes at once
    (None: no limit): a solution is shown where both suffice. ValueError where a sequence exceeds `at_once` without any.
    """
    shows = reference == "policy_with_solution"
    names = [*FIELDS, *OF_SOLUTIONS] if shows else FIELDS
    data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=names)
    messages, golds = (data.pop(name).tolist() for name in ("raw_prompt", "reward_model"))
    responses = list(data["responses"].unbind())
    prompts = [
        _prompt(before, ANSWER.format(answer=gold["ground_truth"]), tokenizer)
        for before, gold in zip(messages, golds, strict=True)
    ]
    longest = max(len(prompt) + len(response) for prompt, response in zip(prompts, responses, strict=True))
    if at_once is not None and longest > at_once:
        raise ValueError(
            f"backend.micro_batch_tokens: {at_once} is less than the {longest} tokens of a response after a prompt with "
            "its answer; give at least that"
        )
    if shows:
        groups, extra = (data.pop(name).tolist() for name in OF_SOLUTIONS)
        correct = [fields["reward_extra_info"]["correct"] for fields in extra]
        for place, shown in enumerate(other_solutions(batch.keys, groups, correct)):
            if shown is None:
                continue
            solution = tokenizer.decode(responses[shown], skip_special_tokens=True)
            prompt = _prompt(messages[place], SOLUTION.format(solution=solution), tokenizer)
            if len(prompt) + len(responses[place]) <= min(room, at_once or room):
                prompts[place] = prompt
    whole = [torch.cat([prompt, response]) for prompt, response in zip(prompts, responses, strict=True)]
    fields = {
        "prompts": prompts,
        "responses": responses,
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
    said = SAID if reference in OF_THE_POLICY else SAID[:1]
    answers = tq.kv_batch_get(keys=keys, partition_id=batch.partition_id, select_fields=list(said))
    tq.kv_batch_put(keys=batch.keys, partition_id=batch.partition_id, fields=answers)
    tq.kv_clear(partition_id=batch.partition_id, keys=keys)


def other_solutions(keys: list[str], groups: list[str], correct: list[bool]) -> list[int | None]:
    """[B] for each response the place of the first other right response of its group, by name; None where there is none."""
    right: dict[str, list[int]] = {}
    for place in sorted(range(len(keys)), key=keys.__getitem__):
        if correct[place]:
            right.setdefault(groups[place], []).append(place)
    return [
        next((other for other in right.get(group, []) if other != place), None) for place, group in enumerate(groups)
    ]


def _prompt(messages: list[dict[str, str]], told: str, tokenizer: PreTrainedTokenizerBase) -> torch.Tensor:
    """Token ids of the prompt with `told` after the last message."""
    *before, last = messages
    more = {**last, "content": last["content"] + told}
    ids = tokenizer.apply_chat_template([*before, more], add_generation_prompt=True, tokenize=True, return_dict=False)
    return torch.tensor(ids)
