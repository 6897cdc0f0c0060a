"""A step's responses: from verl's transfer queue to what a method sees before the update."""

import torch
import transfer_queue as tq
from transfer_queue import KVBatchMeta
from transformers import PreTrainedTokenizerBase

from stages.rl.batch import Responses, TrainingStep
from stages.rl.method import OF_THE_POLICY, Reference

FIELDS = [
    "uid", "response_mask", "responses", "rm_scores", "old_log_probs", "rollout_log_probs", "entropy", "extra_info",
    "extra_fields",
]  # fmt: skip


def read_responses(
    batch: KVBatchMeta, training_step: TrainingStep, tokenizer: PreTrainedTokenizerBase, reference: Reference
) -> tuple[Responses, torch.Tensor]:
    """The step's responses as the old policy sees them, and verl's jagged mask of their tokens.

    `reference` says what of it the transfer queue holds too. `temperature`, `vocabulary` and `longest` are left to the caller.
    """
    names = FIELDS if reference == "none" else [*FIELDS, "ref_log_prob"]
    names = [*names, "ref_entropy"] if reference in OF_THE_POLICY else names
    data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=names)
    uid, information, extra = (data.pop(name).tolist() for name in ("uid", "extra_info", "extra_fields"))
    response_mask = data["response_mask"]
    padded = data.to_padded_tensor()
    scores = [fields["reward_extra_info"] for fields in extra]
    index, group = numbered(batch.keys, uid)
    responses = Responses(
        response_mask=padded["response_mask"].bool(),
        token_ids=padded["responses"],
        old_log_prob=padded["old_log_probs"],
        old_entropy=padded["entropy"],
        rewards=padded["rm_scores"].sum(-1),
        correct=torch.tensor([score["correct"] for score in scores]),
        group=group,
        index=index,
        training_step=training_step,
        reference_log_prob=padded.get("ref_log_prob", None),
        reference_entropy=padded.get("ref_entropy", None),
        engine_log_prob=padded["rollout_log_probs"],
        prompt_id=tuple(item["id"] for item in information),
        answer=tuple(score["answer"] or None for score in scores),
        decode=lambda token: str(tokenizer.decode([token])),
    )
    return responses, response_mask


def numbered(keys: list[str], prompts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """[B] the number of each response and [B] of its prompt, by name: their order depends on the number of devices.

    `keys` name the responses and `prompts` their prompts. In the order of `keys` the numbers are 0, 1, ….
    """
    by_name = sorted(range(len(keys)), key=keys.__getitem__)
    index = torch.empty(len(keys), dtype=torch.long)
    index[by_name] = torch.arange(len(keys))
    numbers = {name: number for number, name in enumerate(dict.fromkeys(prompts[place] for place in by_name))}
    return index, torch.tensor([numbers[name] for name in prompts])
