"""GRPO's surrogate, cut at the seams where the methods of the field differ.

A method is a subclass of `Method` that overrides the seams it changes and nothing else; the base class is GRPO with
token-mean aggregation. In the order in which they run:

    rewards       [B]     reward per response, before the group baseline
    advantages    [B, T]  advantage per token
    clip_range    two widths (ε_low, ε_high), numbers or [B, T]; the ratio is clipped to [1 − ε_low, 1 + ε_high]
    surrogate     [B, T]  how ratio and advantage combine, to be maximised
    token_weight  [B, T]  multiplies the token's surrogate
    regulariser   [B, T]  added to the token's loss
    next_state            what a controller carries from one step to the next

B is the number of responses, T the longest response; every [B, T] tensor is padded on the right and `response_mask`
is True on real tokens. Everything is in natural logarithms (nats). Methods know torch and nothing of verl, Ray or vLLM.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

State = dict[str, float]


@dataclass(frozen=True)
class Progress:
    """Where training stands. `step` counts from 1 to `total_steps`; `state` is the method's own (see `next_state`)."""

    step: int
    total_steps: int
    state: State = field(default_factory=dict)


@dataclass(frozen=True)
class Responses:
    """What is known of B responses before the update, on the policy that sampled them (the old policy).

    `group` numbers the prompts of this step; `prompt_id` names them across steps. `old_entropy` is the exact entropy
    of the old policy's next-token distribution. `reference_log_prob` is None unless a reference policy is configured.
    """

    response_mask: Tensor  # [B, T] bool
    token_ids: Tensor  # [B, T] int
    old_log_prob: Tensor  # [B, T]
    old_entropy: Tensor  # [B, T]
    rewards: Tensor  # [B]
    correct: Tensor  # [B] bool
    group: Tensor  # [B] int
    prompt_id: tuple[str, ...]  # [B]
    answer: tuple[str | None, ...]  # [B], as extracted from the response
    progress: Progress
    reference_log_prob: Tensor | None = None  # [B, T]

    @property
    def response_length(self) -> Tensor:
        """[B] tokens."""
        return self.response_mask.sum(-1)


@dataclass(frozen=True)
class Update(Responses):
    """Responses inside the update: part of one mini-batch, with the current policy's view of them.

    `log_prob` and `entropy` carry gradients. `statistics` holds what the method's `statistics` gave, reduced over the
    whole mini-batch and all ranks.
    """

    log_prob: Tensor = None  # [B, T]
    entropy: Tensor = None  # [B, T]
    advantages: Tensor = None  # [B, T]
    statistics: dict[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> Tensor:
        """π/π_old per token, [B, T]; the log-ratio is held within ±20 so that it stays finite."""
        return torch.exp((self.log_prob - self.old_log_prob).clamp(-20.0, 20.0))


class Settings(BaseModel):
    """What every method can be given. Subclasses add their own fields, with their source beside them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clip_ratio_low: float = Field(0.2, ge=0, le=1, description="ε_low; 0.2 in PPO (1707.06347) and verl's GRPO")
    clip_ratio_high: float = Field(0.2, ge=0, description="ε_high; 0.2 as ε_low")
    dual_clip: float | None = Field(
        None, gt=1, description="bounds −ratio·A for A<0; GRPO has none, verl's default is 3"
    )


class Method:
    """GRPO (arXiv 2402.03300) with token-mean aggregation; see the module for the seams."""

    Settings: ClassVar[type[Settings]] = Settings
    statistics_kind: ClassVar[dict[str, str]] = {}  # name -> "max" | "min" | "sum"; empty: no extra pass

    def __init__(self, settings: Settings | None = None):
        self.settings = settings or self.Settings()

    def rewards(self, responses: Responses) -> Tensor:
        return responses.rewards

    def advantages(self, responses: Responses) -> Tensor:
        """(R − mean) / (std + 1e-6) within the group (2402.03300 §4.1.2; sample std and 1e-6 as in verl 0.9.1)."""
        return group_normalised(self.rewards(responses), responses.group)[:, None] * responses.response_mask

    def statistics(self, update: Update) -> dict[str, Tensor]:
        """Numbers over the mini-batch that the loss needs, from the current policy without gradient (see
        `statistics_kind`)."""
        return {}

    def clip_range(self, update: Update) -> tuple[float | Tensor, float | Tensor]:
        return self.settings.clip_ratio_low, self.settings.clip_ratio_high

    def surrogate(self, update: Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        """min(r·A, clip(r)·A) (1707.06347 eq. 7), for A<0 not below dual_clip·A (1912.09729 §3.2)."""
        ratio, advantages = update.ratio, update.advantages
        value = torch.minimum(ratio * advantages, clip(ratio, clip_low, clip_high) * advantages)
        if self.settings.dual_clip is None:
            return value
        return torch.where(advantages < 0, torch.maximum(value, self.settings.dual_clip * advantages), value)

    def token_weight(self, update: Update) -> Tensor | float:
        return 1.0

    def regulariser(self, update: Update) -> Tensor | float:
        return 0.0

    def initial_state(self) -> State:
        return {}

    def next_state(self, progress: Progress, entropy: float) -> State:
        """The state of the next step, given this step's `entropy` (token mean over the rollout batch)."""
        return progress.state

    def token_loss(self, update: Update) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss per token [B, T] and the tokens' masks and values that are logged, each [B, T]."""
        clip_low, clip_high = self.clip_range(update)
        weight = self.token_weight(update)
        loss = -weight * self.surrogate(update, clip_low, clip_high) + self.regulariser(update)
        ratio, advantages = update.ratio.detach(), update.advantages
        logged = {
            "clip_fraction_high": (advantages > 0) & (ratio > 1 + clip_high),
            "clip_fraction_low": (advantages < 0) & (ratio < 1 - clip_low),
            "kl": update.old_log_prob - update.log_prob.detach(),
        }
        for name, value in {"token_weight": weight, "clip_low": clip_low, "clip_high": clip_high}.items():
            if isinstance(value, Tensor):
                logged[f"method/{name}"] = value.detach()
        return loss, logged


def clip(ratio: Tensor, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
    """`ratio` held in [1 − clip_low, 1 + clip_high]; widths are numbers or tensors that broadcast to `ratio`."""
    return torch.maximum(torch.minimum(ratio, torch.as_tensor(1 + clip_high)), torch.as_tensor(1 - clip_low))


def outside_clip(update: Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
    """[B, T] bool: tokens whose gradient PPO's clip removes."""
    ratio, advantages = update.ratio, update.advantages
    return ((advantages > 0) & (ratio > 1 + clip_high)) | ((advantages < 0) & (ratio < 1 - clip_low))


def group_mean(values: Tensor, group: Tensor) -> Tensor:
    """[B] mean of `values` over each response's group."""
    index = group.long()
    total = values.new_zeros(int(index.max()) + 1).index_add(0, index, values)
    return (total / torch.bincount(index))[index]


def group_normalised(rewards: Tensor, group: Tensor, epsilon: float = 1e-6) -> Tensor:
    """[B] (R − mean) / (std + ε) within the group, with the sample standard deviation (N − 1).

    A group of one has no deviation: its advantage is R / (1 + ε), as in verl 0.9.1.
    """
    size = torch.bincount(group.long())[group.long()].to(rewards.dtype)
    centred = rewards - group_mean(rewards, group)
    variance = group_mean(centred**2, group) * size / (size - 1).clamp(min=1)
    return torch.where(size > 1, centred / (variance.sqrt() + epsilon), rewards / (1.0 + epsilon))
