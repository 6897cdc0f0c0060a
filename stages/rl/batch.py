"""What a method is given: `Responses` before the update (on the driver), `Update` inside it (on the workers).

B is the number of responses, T the longest response; every [B, T] tensor is padded on the right, and `response_mask`
is True on real tokens. Log-probs and entropies are in nats.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor

State = dict[str, Any]  # of JSON values: it is written into every checkpoint


@dataclass(frozen=True)
class TrainingStep:
    """Where training stands, and what the method remembers.

    `step` counts from 1 to `total_steps`; `state` is the method's own (`Method.update_state`), of which the workers are
    given the numbers and nothing else; `seed` is the run's. `entropy` is the token mean of the old policy's exact
    entropy over the step's responses, in nats; it is known in the update.
    """

    step: int
    total_steps: int
    state: State = field(default_factory=dict)
    seed: int = 0
    entropy: float = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Responses:
    """What is known of B responses before the update, on the policy that sampled them (the old policy).

    `index` numbers the responses of this step and `group` its prompts; `prompt_id` names prompts across steps.
    `old_entropy` is the exact entropy of the old policy's next-token distribution. `reference_log_prob` is None unless
    the method asks for a reference (`Method.reference`); `engine_log_prob`, what the engine said of the tokens that it
    sampled, is None in the update unless it asks for that (`Method.uses_engine_log_prob`). What follows it is known on the
    driver only; `reference_entropy` is the exact entropy of a reference that is the old policy, in nats, `vocabulary` the
    number of tokens that the model gives a probability, and `longest` how many tokens a response may have.
    """

    response_mask: Tensor  # [B, T] bool
    token_ids: Tensor  # [B, T] int
    old_log_prob: Tensor  # [B, T]
    old_entropy: Tensor  # [B, T]
    rewards: Tensor  # [B]
    correct: Tensor  # [B] bool
    group: Tensor  # [B] int
    index: Tensor  # [B] int
    training_step: TrainingStep
    reference_log_prob: Tensor = None  # type: ignore[assignment]  # [B, T]; only who asked for it reads it
    engine_log_prob: Tensor = None  # type: ignore[assignment]  # [B, T]; only who asked for it reads it
    reference_entropy: Tensor = None  # type: ignore[assignment]  # [B, T]; only who asked for such a reference reads it
    temperature: float = None  # type: ignore[assignment]  # that they were sampled at
    vocabulary: int = None  # type: ignore[assignment]
    longest: int = None  # type: ignore[assignment]
    prompt_id: tuple[str, ...] = ()  # [B]
    answer: tuple[str | None, ...] = ()  # [B], as extracted from the response
    decode: Callable[[int], str] = None  # type: ignore[assignment]  # token id -> its text; the driver's

    @property
    def response_length(self) -> Tensor:
        """[B] tokens."""
        return self.response_mask.sum(-1)


@dataclass(frozen=True, kw_only=True)
class Update(Responses):
    """Responses inside the update, with the current policy's view of them: a mini-batch, or a micro-batch of one.

    `log_prob`, `entropy` and `logit_terms` carry gradients. `statistics` holds what the method's `statistics` gave:
    numbers, or the rows of these responses of tensors [B, T].
    """

    log_prob: Tensor  # [B, T]
    entropy: Tensor  # [B, T]
    advantages: Tensor  # [B, T]
    mask: Tensor  # [B, T] bool: the tokens that count (`Method.mask`)
    statistics: dict[str, Tensor] = field(default_factory=dict)
    logit_terms: dict[str, Tensor] = field(default_factory=dict)  # name -> [B, T]

    @property
    def ratio(self) -> Tensor:
        """π/π_old per token, [B, T]; the log-ratio is held within ±20 so that it stays finite."""
        return self.log_ratio.exp()

    @property
    def log_ratio(self) -> Tensor:
        """ln π/π_old per token, [B, T], held within ±20."""
        return (self.log_prob - self.old_log_prob).clamp(-20.0, 20.0)


def rows(update: Update, chosen: Tensor | slice) -> Update:
    """The responses `chosen` of `update`, with their rows of every tensor."""
    size = len(update.response_mask)

    def take(value: Any) -> Any:
        if isinstance(value, Tensor) and value.ndim and len(value) == size:
            return value[chosen]
        if isinstance(value, dict):
            return {name: take(item) for name, item in value.items()}
        if isinstance(value, tuple) and value:
            return tuple(value[i] for i in torch.arange(size)[chosen].tolist())
        return value

    return replace(update, **{item.name: take(getattr(update, item.name)) for item in fields(update)})


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean of `values` where `mask` is True; 0 where it is True nowhere."""
    return torch.where(mask, values, 0.0).sum() / mask.sum().clamp(min=1)


def response_mean(values: Tensor, mask: Tensor) -> Tensor:
    """[B] the mean of each row of `values` [B, T] over its True tokens; 0 for a row without any."""
    return torch.where(mask, values, 0.0).sum(-1) / mask.sum(-1).clamp(min=1)


def uniform(responses: Responses, salt: str, per_token: bool = True) -> Tensor:
    """Random numbers in [0, 1), [B, T] or [B]: the same for a response however the batch is split or ordered.

    They depend on the run's seed, the step, the response's number in the step, the token's position, and `salt`.
    """
    width = responses.response_mask.shape[1] if per_token else 1
    drawn = []
    for index in responses.index.tolist():
        key = f"{responses.training_step.seed}:{responses.training_step.step}:{index}:{salt}"
        generator = torch.Generator().manual_seed(zlib.crc32(key.encode()))
        drawn.append(torch.rand(width, generator=generator, dtype=torch.float64))
    noise = torch.stack(drawn).to(responses.response_mask.device)
    return noise if per_token else noise[:, 0]


def joined(parts: list[Update]) -> Update:
    """One batch of the responses of all `parts`, in their order, padded to the longest of them."""
    if len(parts) == 1:
        return parts[0]
    width = max(part.response_mask.shape[1] for part in parts)

    def join(values: list[Any]) -> Any:
        if isinstance(values[0], Tensor):
            if values[0].ndim < 2:
                return torch.cat(values)
            return torch.cat([torch.nn.functional.pad(value, (0, width - value.shape[1])) for value in values])
        if isinstance(values[0], dict):
            return {name: join([value[name] for value in values]) for name in values[0]}
        if isinstance(values[0], tuple):
            return sum(values, ())
        return values[0]

    return replace(
        parts[0], **{item.name: join([getattr(part, item.name) for part in parts]) for item in fields(Update)}
    )
