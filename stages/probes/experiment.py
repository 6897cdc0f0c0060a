"""All probes on one rollout batch: the updates of a pass over it, and at the first and the last of them a step that is examined.

The first update is on-policy: every ratio is 1. Before the last one the profile's own optimiser has made all the others, so that
ratios have moved, the clip acts, and AdamW has moments.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from stages.artifacts.probes import SOURCES
from stages.probes.agreement import agreement
from stages.probes.batch import TokenBatch
from stages.probes.coupling import drawn_states, state_change
from stages.probes.decomposition import PROBABILITIES, caused_by_tokens, partitions
from stages.probes.estimates import estimates
from stages.probes.loss import MiniBatchLoss, Sensitivity, in_update
from stages.probes.policy import Policy, View, Weights, inner, norm
from stages.probes.step import Rule, Step, direction, length, step
from stages.rl.batch import Responses, Update
from stages.rl.method import Method

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Setting:
    """`rules`: name -> the optimiser of a step that is examined, and its learning rates. `trainer` and `learning_rate` make the
    updates between. `updates` an epoch, `epochs` over the batch; `micro_batch` responses that a method sees at once; `horizon` is
    the longest response allowed, in tokens. `coupled_states` of each examined on-policy step.
    """

    rules: dict[str, tuple[Rule, list[float]]]
    trainer: Rule
    learning_rate: float
    updates: int
    epochs: int
    micro_batch: int
    horizon: int
    coupled_states: int
    seed: int


@dataclass
class Findings:
    """Rows of one batch, by table (stages/artifacts/probes.py says what their columns are)."""

    steps: Rows = field(default_factory=list)
    estimates: Rows = field(default_factory=list)
    parts: Rows = field(default_factory=list)
    clip_events: Rows = field(default_factory=list)
    coupling: Rows = field(default_factory=list)
    tokens: Rows = field(default_factory=list)


@dataclass(frozen=True)
class Point:
    """Where a step is examined: the mini-batch, the policy's weights and view of it, and the loss's gradient."""

    update: int
    weights: Weights
    batch: TokenBatch
    mini_batch: Update
    view: View
    sensitivity: Sensitivity
    gradient: Weights
    moments: dict[str, Any] | None

    @property
    def mask(self) -> Tensor:
        return self.mini_batch.response_mask


def probe(policy: Policy, batch: TokenBatch, responses: Responses, method: Method, setting: Setting) -> Findings:
    """Everything on one rollout batch, of which `responses` says what a method is given, in the same order as `batch`."""
    policy.reading(method.logit_terms if method.uses_logits else None)
    found, advantages = Findings(), method.advantages(responses)
    loss = MiniBatchLoss(method, setting.micro_batch, setting.horizon)
    weights, moments, size = policy.weights, None, len(batch) // setting.updates
    cuts = [slice(first, first + size) for first in range(0, len(batch), size)] * setting.epochs
    for number, cut in enumerate(cuts, 1):
        own = batch.rows(cut)
        view = policy.view(weights, own)
        mini_batch = in_update(responses, advantages, view, cut)
        sensitivity = loss.sensitivity(mini_batch, view)
        gradient = policy.gradient(weights, own, sensitivity.gradient)
        point = Point(number, weights, own, mini_batch, view, sensitivity, gradient, moments)
        found.clip_events += _clip_events(point)
        if number in (1, len(cuts)):
            _examine(policy, setting, point, found)
        made = step(setting.trainer, setting.learning_rate, weights, gradient, moments)
        weights, moments = made.weights, made.state
    return found


def _examine(policy: Policy, setting: Setting, point: Point, found: Findings) -> None:
    mask, size = point.mask, int(point.mask.sum())
    zero = torch.zeros_like(point.view.entropy)
    mean = View(zero, mask.double() / mask.sum(), zero, dict.fromkeys(point.view.terms, zero))
    of_entropy = policy.gradient(point.weights, point.batch, mean)
    estimated = estimates(point.mini_batch, point.view, point.sensitivity.clip_low, point.sensitivity.clip_high)
    divided = partitions(point.mini_batch, point.view, point.sensitivity.clipped)
    for name, (rule, learning_rates) in setting.rules.items():
        moments = point.moments if rule.kind == "adamw" else None
        unit = step(rule, 1.0, point.weights, point.gradient, moments)
        linear = policy.derivative(point.weights, direction(unit, point.gradient), point.batch).entropy
        caused = caused_by_tokens(
            policy, point.weights, point.batch, point.sensitivity.gradient, unit.factor, of_entropy
        )
        carried = inner(unit.carried, of_entropy)
        if point.update == 1:
            found.coupling += _coupling(policy, setting, point, name, unit)
        for rate in learning_rates:
            after = step(rule, rate, point.weights, point.gradient, moments).weights
            change = policy.view(after, point.batch).entropy - point.view.entropy
            place = {"update": point.update, "optimiser": name, "learning_rate": rate}
            exact, first_order = change[mask].cpu().numpy(), (rate * linear)[mask].cpu().numpy()
            made = length(point.weights, after)
            compared = {"directional": (first_order, False)}
            compared |= {key: (value[mask].cpu().numpy(), True) for key, value in estimated.items()}
            found.estimates += [
                {**place, "estimate": key, **agreement(value, exact, scale)} for key, (value, scale) in compared.items()
            ]
            found.steps.append(
                {
                    **place,
                    "gradient_norm": unit.gradient_norm,
                    "step_norm": made,
                    "relative_step": made / norm(point.weights),
                    "entropy": point.view.entropy[mask].mean().item(),
                    "change": float(exact.mean()),
                    "first_order": float(first_order.mean()),
                    "remainder": float(exact.mean() - first_order.mean()),
                    "residual": agreement(first_order, exact, False)["residual"],
                }
            )
            for partition, parts in divided.items():
                sums = {part: (member, rate * caused[member].sum().item()) for part, member in parts.items()}
                found.parts += [
                    {
                        **place,
                        "partition": partition,
                        "part": part,
                        "share": int(member.sum()) / size,
                        "caused": value,
                        "happened": change[member].sum().item() / size,
                    }
                    for part, (member, value) in sums.items()
                ]
            if not found.tokens:
                found.tokens = _tokens(point, change, rate * linear, rate * caused, estimated)
            found.parts += _whole(place, rate * carried, exact, first_order)


def _whole(place: dict[str, Any], carried: float, exact: Any, first_order: Any) -> Rows:
    """What completes each partition to the exact change: what the step carried from before, and the remainder."""
    remainder = float(exact.mean() - first_order.mean())
    nothing = {"share": 0.0, "happened": 0.0}
    return [
        {**place, "partition": "all", "part": "momentum and weight decay", "caused": carried, **nothing},
        {**place, "partition": "all", "part": "remainder", "caused": remainder, **nothing},
        {
            **place,
            "partition": "all",
            "part": "exact change",
            "share": 1.0,
            "caused": float(exact.mean()),
            "happened": float(exact.mean()),
        },
    ]


def _clip_events(point: Point) -> Rows:
    """Tokens whose gradient the clip takes, by their probability under the policy that sampled them."""
    rows, sampled = [], point.mini_batch.old_log_prob.exp()
    for low, high in pairwise(PROBABILITIES):
        member = point.mask & (sampled >= low) & ((sampled < high) if high < 1 else torch.ones_like(point.mask))
        clipped = member & point.sensitivity.clipped
        rows.append(
            {
                "update": point.update,
                "probability_from": low,
                "probability_to": high,
                "tokens": int(member.sum()),
                "clipped_positive": int((clipped & (point.mini_batch.advantages > 0)).sum()),
                "clipped_negative": int((clipped & (point.mini_batch.advantages < 0)).sum()),
            }
        )
    return rows


def _coupling(policy: Policy, setting: Setting, point: Point, optimiser: str, unit: Step) -> Rows:
    """A row a drawn state; per unit of learning rate."""
    rows = []
    for state in drawn_states(point.mini_batch, point.view, setting.coupled_states, setting.seed):
        found = state_change(
            policy,
            point.weights,
            point.batch,
            point.mini_batch,
            point.sensitivity.gradient,
            unit.factor,
            unit.carried,
            state,
        )
        whole = sum(found.absolute.values())
        shares = {f"share_{name}": found.absolute[name] / whole if whole else float("nan") for name in SOURCES}
        rows.append({"optimiser": optimiser, **shares, "own": found.signed["own"], "total": found.total})
    return rows


def _tokens(point: Point, change: Tensor, linear: Tensor, caused: Tensor, estimated: dict[str, Tensor]) -> Rows:
    """A row a token, with its response's number and its position."""
    columns = {
        "token_id": point.mini_batch.token_ids,
        "probability": point.view.log_prob.exp(),
        "ratio": (point.view.log_prob - point.mini_batch.old_log_prob).exp(),
        "advantage": point.mini_batch.advantages,
        "entropy": point.view.entropy,
        "change": change,
        "directional": linear,
        "caused": caused,
        **{name: value for name, value in estimated.items() if name != "current_entropy"},
    }
    values = {name: value.tolist() for name, value in columns.items()}
    return [
        {"response": row, "position": position, **{name: value[row][position] for name, value in values.items()}}
        for row, position in point.mask.nonzero().tolist()
    ]
