"""Shared by the tests: random batches as a method sees them."""

import torch

from stages.methods.base import Progress, Update


def random_update(
    seed: int = 0, responses: int = 8, length: int = 12, vocabulary: int = 7, state=None, spread: float = 0.3
) -> Update:
    """A ragged mini-batch of two groups with consistent log-probs and entropies, float64, `log_prob` differentiable.

    The logits behind it hang on the result as `update.logits`, so that a test can take gradients with respect to them.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    old_logits = normal(responses, length, vocabulary)
    logits = (old_logits + spread * normal(responses, length, vocabulary)).requires_grad_()
    token_ids = torch.randint(vocabulary, (responses, length), generator=generator)
    lengths = torch.randint(1, length + 1, (responses,), generator=generator)
    rewards = torch.randint(2, (responses,), generator=generator).double()
    mask = torch.arange(length)[None] < lengths[:, None]
    update = Update(
        response_mask=mask,
        token_ids=token_ids,
        old_log_prob=log_prob_of(old_logits, token_ids),
        old_entropy=entropy_of(old_logits),
        rewards=rewards,
        correct=rewards > 0,
        group=torch.arange(responses) // (responses // 2),
        prompt_id=tuple(f"p{i // (responses // 2)}" for i in range(responses)),
        answer=(None,) * responses,
        progress=Progress(1, 10, state or {}),
        log_prob=log_prob_of(logits, token_ids),
        entropy=entropy_of(logits),
        advantages=normal(responses, 1).expand(-1, length) * mask,
    )
    object.__setattr__(update, "logits", logits)
    return update


def log_prob_of(logits, token_ids):
    return logits.log_softmax(-1).gather(-1, token_ids[..., None])[..., 0]


def entropy_of(logits):
    log_probs = logits.log_softmax(-1)
    return -(log_probs.exp() * log_probs).sum(-1)


def mean_loss(method, update):
    """The token-mean loss of a method over one mini-batch, statistics included."""
    statistics = {name: value.item() for name, value in method.statistics(update).items()}
    update.statistics.update(statistics)
    loss, _ = method.token_loss(update)
    return (loss * update.response_mask).sum() / update.response_mask.sum()
