"""A method's loss inside verl's actor: verl's tensors in, verl's (loss, metrics) out."""

from dataclasses import replace
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor
from torch.distributed import ProcessGroup
from verl.utils import tensordict_utils as tu
from verl.utils.metric import AggregationType, Metric
from verl.workers.utils.padding import no_padding_2_padding

from stages.artifacts.steps import COLUMNS, OWN
from stages.profile.sections.backend import EngineCorrection
from stages.rl.aggregation import aggregate
from stages.rl.batch import State, TrainingStep, Update
from stages.rl.batch_statistics import batch_of, with_batch_statistics
from stages.rl.engine import engine_weights
from stages.rl.logits import chunked
from stages.rl.method import Method

STATISTIC = "bench_statistic_"  # prefix of the fields that hold statistics per token
LOGIT_TERM = "bench_logits_"  # prefix of model outputs that a method computed from the logits
CHUNK = 64  # tokens whose logits a method is given at once


def update_of(model_output: dict[str, Tensor], data: TensorDict) -> Update:
    """The micro-batch or mini-batch `data` as a method sees it; its `bench_` fields come from trainer and worker.

    `model_output` is empty where no pass of the current policy was made: `log_prob` and `entropy` are then None.
    """
    fields = ["response_mask", "responses", "old_log_probs", "entropy", "advantages"]
    fields += [name for name in ("ref_log_prob", "rollout_log_probs", "bench_mask") if name in data]
    fields += [name for name in data.keys() if name.startswith(STATISTIC)]  # noqa: SIM118 (without it: rows)
    padded = data.select(*fields).to_padded_tensor()
    context = tu.get_non_tensor_data(data, "bench_training_step", default=None)
    numbers = tu.get_non_tensor_data(data, "bench_statistics", default={}) or {}
    like = padded["old_log_probs"]
    statistics = {name: torch.tensor(value, dtype=like.dtype, device=like.device) for name, value in numbers.items()}
    for name in fields:
        if name.startswith(STATISTIC):  # a jagged tensor of bool cannot be padded: it travels as integers
            value = padded[name]
            statistics[name.removeprefix(STATISTIC)] = value if value.is_floating_point() else value.bool()
    current = {name: no_padding_2_padding(value, data) for name, value in model_output.items()}
    return Update(
        response_mask=padded["response_mask"].bool(),
        token_ids=padded["responses"],
        old_log_prob=padded["old_log_probs"],
        old_entropy=padded["entropy"],
        rewards=data["bench_reward"],
        correct=data["bench_correct"].bool(),
        group=data["bench_group"],
        index=data["bench_index"],
        training_step=TrainingStep(**context),
        reference_log_prob=padded.get("ref_log_prob", None),
        engine_log_prob=padded.get("rollout_log_probs", None),
        log_prob=current.get("log_probs"),  # type: ignore[arg-type]  # without a pass nobody reads it
        entropy=current.get("entropy"),  # type: ignore[arg-type]
        advantages=padded["advantages"],
        mask=padded.get("bench_mask", padded["response_mask"]).bool(),
        statistics=statistics,
        logit_terms={name.removeprefix(LOGIT_TERM): v for name, v in current.items() if name.startswith(LOGIT_TERM)},
    )


class MethodLoss:
    """What verl calls on each micro-batch; `horizon` is the longest response allowed, in tokens.

    With a `correction` each token's loss, all of its terms, is multiplied by that token's weight: every term is a mean over
    what the engine sampled. Denominators stay as they are. verl weights the surrogate alone and leaves a KL term as it is.
    """

    def __init__(self, method: Method, horizon: int, correction: EngineCorrection = "none"):
        self.method, self.horizon, self.correction = method, horizon, correction
        self._step = 0
        self._accumulated: dict[str, float] = {}  # what `Method.accumulate` has given since that step began

    def __call__(
        self,
        *,
        data: TensorDict,
        model_output: dict[str, Tensor] | None = None,
        dp_group: ProcessGroup | None = None,
        student_logits: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Any]] | dict[str, Tensor]:
        """The loss and what is logged of it; with `student_logits` [1, N, V] name -> [1, N], the method's logit terms.

        verl calls a loss twice where distillation needs whole distributions: first with the logits of a micro-batch, then
        for the loss, with what the first call gave among `model_output`.
        """
        if student_logits is None:
            return self.loss(update_of(model_output or {}, data), data)
        terms = chunked(self.method.logit_terms, student_logits[0], CHUNK)
        return {f"{LOGIT_TERM}{name}": value[None] for name, value in terms.items()}

    def loss(self, update: Update, data: TensorDict) -> tuple[Tensor, dict[str, Any]]:
        """The method's loss over the whole mini-batch on all ranks, of which this is a part.

        What `Method.token_loss` logs becomes a mean over all tokens of the mini-batch, so that it does not depend on how
        the mini-batch is split, unless the method itself looks at the parts. All is logged under the name that it has in
        the method; `logged_by_loss` finds it again among verl's own.
        """
        ranks, tokens = data["dp_size"], data["batch_num_tokens"]  # FSDP averages over ranks: hence the factor
        kept = tu.get_non_tensor_data(data, "bench_kept", default=None)
        kept = kept or {"tokens": tokens, "responses": data["global_batch_size"]}
        accumulated = {}
        if batch_of(self.method) == "micro_batch":
            update = with_batch_statistics(self.method, self._with_earlier_parts(update))
            accumulated = self._accumulate(update, len(update.response_mask) / data["global_batch_size"] * ranks)
            # what the other parts keep is not known here: as if it were the same share
            mask, whole = update.mask, update.response_mask
            kept_share = {
                "tokens": (mask.sum() / whole.sum().clamp(min=1)).item(),
                "responses": (mask.any(-1).sum() / whole.any(-1).sum().clamp(min=1)).item(),
            }
            kept = {name: count * kept_share[name] for name, count in kept.items()}
        token_loss, logged = self.method.token_loss(update)
        if self.correction != "none":
            weights = engine_weights(self.correction, update.old_log_prob, update.engine_log_prob)
            token_loss, logged = token_loss * weights, logged | {"engine_weight": weights}
        metrics = {
            name: Metric(
                AggregationType.SUM,
                aggregate(
                    value.to(token_loss.dtype).expand_as(token_loss), update.response_mask, "token-mean", tokens, 0, 0
                )
                * ranks,
            )
            for name, value in logged.items()
        }
        metrics |= {name: Metric(AggregationType.SUM, value) for name, value in accumulated.items()}
        how = self.method.settings.aggregation
        return aggregate(token_loss, update.mask, how, **kept, horizon=self.horizon) * ranks, metrics

    def _with_earlier_parts(self, update: Update) -> Update:
        """`update` with its state as the earlier micro-batches of this step left it."""
        if update.training_step.step != self._step:
            self._step, self._accumulated = update.training_step.step, {}
        state = {name: value + self._accumulated.get(name, 0.0) for name, value in update.training_step.state.items()}
        return replace(update, training_step=replace(update.training_step, state=state))

    def _accumulate(self, part: Update, share: float) -> dict[str, float]:
        """What the method accumulates of `part`, which is this `share` of the rank's mini-batch; kept for later parts."""
        added = {name: value.item() * share for name, value in self.method.accumulate(part).items()}
        self._accumulated |= {name: self._accumulated.get(name, 0.0) + value for name, value in added.items()}
        return added


class MethodView(MethodLoss):
    """For a pass without a loss, of which only the model's outputs are wanted."""

    def loss(self, update: Update, data: TensorDict) -> tuple[Tensor, dict[str, Any]]:
        return torch.zeros(()), {}


def logged_by_loss(of_update: dict[str, Any], state: State) -> dict[str, float]:
    """What MethodLoss logged, out of all that verl tells of an update, where each name begins with "actor/".

    A name is the bench's when it is a column of the step log, begins with `OWN` (a method's own number), or is a name of
    the method's `state` (what the method accumulated).
    """
    values = {name.removeprefix("actor/"): value for name, value in of_update.items()}
    return {
        name: float(value) for name, value in values.items() if name in COLUMNS or name.startswith(OWN) or name in state
    }
