"""A step's responses, from verl's transfer queue to what a method sees."""

import torch
import transfer_queue as tq
from transfer_queue import KVBatchMeta

from stages.surrogate.batch import Progress, Responses

FIELDS = [
    "uid", "response_mask", "responses", "rm_scores", "old_log_probs", "entropy", "extra_info", "extra_fields",
]  # fmt: skip


def read_responses(
    batch: KVBatchMeta, progress: Progress, tokenizer, reference: bool
) -> tuple[Responses, torch.Tensor]:
    """The step's responses on the old policy, and verl's jagged response mask."""
    names = [*FIELDS, "ref_log_prob"] if reference else FIELDS
    data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=names)
    uid, information, extra = (data.pop(name).tolist() for name in ("uid", "extra_info", "extra_fields"))
    response_mask = data["response_mask"]
    padded = data.to_padded_tensor()
    verdicts = [fields["reward_extra_info"] for fields in extra]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(uid))}
    responses = Responses(
        response_mask=padded["response_mask"].bool(),
        token_ids=padded["responses"],
        old_log_prob=padded["old_log_probs"],
        old_entropy=padded["entropy"],
        rewards=padded["rm_scores"].sum(-1),
        correct=torch.tensor([verdict["acc"] > 0 for verdict in verdicts]),
        group=torch.tensor([numbers[name] for name in uid]),
        index=torch.arange(len(uid)),
        progress=progress,
        reference_log_prob=padded.get("ref_log_prob", None),
        prompt_id=tuple(item["id"] for item in information),
        answer=tuple(verdict["answer"] or None for verdict in verdicts),
        decode=lambda token: tokenizer.decode([token]),
    )
    return responses, response_mask
