"""Shared by the tests: random batches as a method sees them."""

from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor

from stages.common.yaml_reader import safe_load
from stages.methods import build
from stages.rl.aggregation import aggregate
from stages.rl.batch import TrainingStep, Update
from stages.rl.batch_statistics import with_batch_statistics
from stages.rl.method import Method
from stages.tools.sweep import settings_of
from tests.project import ROOT


@dataclass(frozen=True, kw_only=True)
class DifferentiableUpdate(Update):
    """An update with the logits behind it, so that a test can take gradients with respect to them."""

    logits: Tensor  # [B, T, V]


def random_update(
    seed: int = 0,
    responses: int = 8,
    length: int = 12,
    vocabulary: int = 7,
    state=None,
    spread: float = 0.3,
    step: int = 1,
) -> DifferentiableUpdate:
    """A ragged mini-batch of two groups with consistent log-probs and entropies, float64, `log_prob` differentiable."""
    generator, of_engine, of_teacher = (
        torch.Generator().manual_seed(seed + offset) for offset in (0, 1_000_000, 2_000_000)
    )

    def normal(*shape, generator=generator):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    old_logits = normal(responses, length, vocabulary)
    logits = (old_logits + spread * normal(responses, length, vocabulary)).requires_grad_()
    token_ids = torch.randint(vocabulary, (responses, length), generator=generator)
    lengths = torch.randint(1, length + 1, (responses,), generator=generator)
    rewards = torch.randint(2, (responses,), generator=generator).double()
    rewards[: responses // 2 : 2], rewards[1 : responses // 2 : 2] = 1, 0  # the first group is mixed
    mask = torch.arange(length)[None] < lengths[:, None]
    return DifferentiableUpdate(
        response_mask=mask,
        token_ids=token_ids,
        old_log_prob=log_prob_of(old_logits, token_ids),
        old_entropy=entropy_of(old_logits),
        rewards=rewards,
        correct=rewards > 0,
        group=torch.arange(responses) // max(responses // 2, 1),
        index=torch.arange(responses),
        training_step=TrainingStep(step, 10, state or {}, seed=17, entropy=entropy_of(old_logits)[mask].mean().item()),
        reference_log_prob=log_prob_of(old_logits + 0.2 * normal(responses, length, vocabulary), token_ids),
        reference_entropy=entropy_of(old_logits + 0.2 * normal(responses, length, vocabulary, generator=of_teacher)),
        temperature=1.0,
        vocabulary=vocabulary,
        longest=length + 1,
        engine_log_prob=log_prob_of(
            old_logits + 0.3 * normal(responses, length, vocabulary, generator=of_engine), token_ids
        ),
        prompt_id=tuple(f"p{i // max(responses // 2, 1)}" for i in range(responses)),
        answer=tuple(["7", "8", None, "7"][i % 4] for i in range(responses)),
        decode=lambda token: f" {['wait', 'but', 'so', 'then', 'let', 'hence', 'next'][token % 7]}",
        log_prob=log_prob_of(logits, token_ids),
        entropy=entropy_of(logits),
        advantages=normal(responses, 1).expand(-1, length) * mask,
        mask=mask,
        logits=logits,
    )


@cache
def settings_in_smoke() -> dict[str, dict]:
    return safe_load((ROOT / "profiles/smoke.yaml").read_text())["method_settings"]


def smoke_settings(name: str) -> dict:
    """What the smoke profile sets of the method `name`: values for what nobody published, among others."""
    return settings_in_smoke().get(name, {})


def method_of(name: str) -> Method:
    """The method that METHOD or METHOD=VARIANT names, with what the smoke profile sets of it."""
    method = name.partition("=")[0]
    return build(*settings_of(name, {method: smoke_settings(method)}))


def update_for(name: str, seed: int = 0, **changes) -> DifferentiableUpdate:
    """A random mini-batch at the first state of the method `name`."""
    return random_update(seed, state=method_of(name).initial_state(), **changes)


def combination(*parts: type[Method]) -> type[Method]:
    """`class Combination(*parts): pass`"""
    return type("Combination", parts, {"__module__": __name__})


def log_prob_of(logits, token_ids):
    return logits.log_softmax(-1).gather(-1, token_ids[..., None])[..., 0]


def entropy_of(logits):
    log_probs = logits.log_softmax(-1)
    return -(log_probs.exp() * log_probs).sum(-1)


def prepared(method: Method, update: Update) -> Update:
    """`update` as the whole mini-batch, with the method's logit terms, statistics and mask."""
    if method.uses_logits:
        shape = update.response_mask.shape
        terms = method.logit_terms(update.logits.flatten(0, 1))
        object.__setattr__(update, "logit_terms", {name: value.view(shape) for name, value in terms.items()})
    return with_batch_statistics(method, update)


def mean_loss(method: Method, update: Update) -> Tensor:
    """The loss of a method over `update` as one whole mini-batch."""
    update = prepared(method, update)
    loss, _ = method.token_loss(update)
    kept = update.mask
    return aggregate(loss, kept, method.settings.aggregation, int(kept.sum()), int(kept.any(-1).sum()), kept.shape[1])


def responses_with(rewards, lengths=None, group=None, **changes):
    """One step of `len(rewards)` responses with these rewards (0/1) and lengths, in one group unless told."""
    size = len(rewards)
    lengths = lengths or [3] * size
    batch = random_update(1, responses=max(size, 2), length=max(lengths))
    mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
    rewards = torch.tensor(rewards, dtype=torch.float64)
    taken = {name: getattr(batch, name)[:size] for name in ("token_ids", "old_log_prob", "old_entropy")}
    return replace(
        batch,
        **taken,
        response_mask=mask,
        rewards=rewards,
        correct=rewards > 0,
        group=torch.tensor(group or [0] * size),
        index=torch.arange(size),
        prompt_id=tuple(f"p{g}" for g in (group or [0] * size)),
        answer=("7",) * size,
        **changes,
    )


def value_of(method, responses):
    """[B] the advantage of each response's first token."""
    return method.advantages(responses)[:, 0]
