"""A method's token loss inside verl's actor: verl's tensors in, verl's (loss, metrics) out."""

from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor
from verl.trainer.ppo.core_algos import agg_loss
from verl.utils import tensordict_utils as tu
from verl.utils.metric import AggregationType, Metric
from verl.workers.utils.padding import no_padding_2_padding

from stages.methods.base import Method, Progress, Update

REDUCTIONS = {"max": torch.maximum, "min": torch.minimum, "sum": torch.add}


def update_of(model_output: dict[str, Tensor], data: TensorDict) -> Update:
    """The micro-batch `data` as a method sees it. `correct`, `group` and `rewards` were put there by the trainer."""
    fields = ["response_mask", "responses", "old_log_probs", "entropy", "advantages"]
    fields += [name for name in ("ref_log_prob",) if name in data]
    padded = data.select(*fields).to_padded_tensor()
    context = tu.get_non_tensor_data(data, "suite_progress", default=None)
    return Update(
        response_mask=padded["response_mask"].bool(),
        token_ids=padded["responses"],
        old_log_prob=padded["old_log_probs"],
        old_entropy=padded["entropy"],
        rewards=data["suite_reward"],
        correct=data["suite_correct"].bool(),
        group=data["suite_group"],
        prompt_id=tuple(info["id"] for info in _unwrapped(data, "extra_info")),
        answer=tuple(fields["reward_extra_info"]["answer"] for fields in _unwrapped(data, "extra_fields")),
        progress=Progress(context["step"], context["total_steps"], context["state"]),
        reference_log_prob=padded.get("ref_log_prob", None),
        log_prob=no_padding_2_padding(model_output["log_probs"], data),
        entropy=no_padding_2_padding(model_output["entropy"], data),
        advantages=padded["advantages"],
        statistics=tu.get_non_tensor_data(data, "suite_statistics", default={}) or {},
    )


def method_loss(
    model_output: dict[str, Tensor], data: TensorDict, dp_group=None, *, method: Method, config
) -> tuple[Tensor, dict[str, Any]]:
    """verl's loss function: the method's token loss, averaged over the tokens of the whole mini-batch on all ranks.

    Logged masks and values are averaged the same way, so that a metric does not depend on the micro-batch size.
    """
    update = update_of(model_output, data)
    loss, logged = method.token_loss(update)
    size = dict(
        dp_size=data["dp_size"],
        batch_num_tokens=data["batch_num_tokens"],
        global_batch_size=data["global_batch_size"],
        loss_scale_factor=config.loss_scale_factor,
    )
    metrics = {
        f"suite/{name}": Metric(
            AggregationType.SUM,
            agg_loss(
                value.to(loss.dtype).expand_as(loss),
                update.response_mask,
                "token-mean",
                size["dp_size"],
                size["batch_num_tokens"],
            ),
        )
        for name, value in logged.items()
    }
    return agg_loss(loss, update.response_mask, config.loss_agg_mode, **size), metrics


def _unwrapped(data: TensorDict, key: str) -> list[Any]:
    return [getattr(item, "data", item) for item in data[key]]
