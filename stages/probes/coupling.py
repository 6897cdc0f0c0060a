"""How much of a state's entropy change its own token made.

Every formula of stages/probes/estimates.py looks at one token and the state where it was chosen. The weights are shared, so the
gradients of all other tokens of the mini-batch move that state too.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from stages.probes.batch import TokenBatch
from stages.probes.decomposition import caused_by_tokens
from stages.probes.policy import Policy, View, Weights, inner
from stages.rl.batch import Update


@dataclass(frozen=True)
class StateChange:
    """First-order entropy change of one state per unit of learning rate, in nats: `signed` and `absolute` sums over the tokens
    of each of `stages.artifacts.probes.SOURCES`, and what the step carried from before.
    """

    row: int
    position: int
    signed: dict[str, float]
    absolute: dict[str, float]
    carried: float

    @property
    def total(self) -> float:
        return sum(self.signed.values()) + self.carried


def drawn_states(update: Update, view: View, count: int, seed: int) -> list[tuple[int, int]]:
    """(response, position) of `count` states or as many as there are, drawn without replacement in proportion to their entropy:
    most others are certain, and stay so.
    """
    weights = torch.where(update.response_mask, view.entropy.clamp(min=0), 0.0).flatten()
    count = min(count, int((weights > 0).sum()))
    if not count:
        return []
    drawn = torch.multinomial(weights.cpu(), count, generator=torch.Generator().manual_seed(seed))
    width = update.response_mask.shape[1]
    return [(int(place) // width, int(place) % width) for place in drawn.sort().values]


def state_change(
    policy: Policy,
    weights: Weights,
    batch: TokenBatch,
    update: Update,
    loss_gradient: View,
    factor: Weights,
    carried: Weights,
    state: tuple[int, int],
) -> StateChange:
    """Who changes the entropy of `state` (response, position); arguments as of `caused_by_tokens`, and the step's c."""
    row, position = state
    alone = batch.rows(slice(row, row + 1))
    of_state = policy.gradient(weights, alone, _only(alone, position, list(loss_gradient.terms)))
    caused = caused_by_tokens(policy, weights, batch, loss_gradient, factor, of_state)
    mask = update.response_mask
    same_row, same_place = torch.zeros_like(mask), torch.zeros_like(mask)
    same_row[row], same_place[row, position] = True, True
    same_prompt = (update.group == update.group[row])[:, None].expand_as(mask)
    members = {
        "own": same_place,
        "response": same_row & ~same_place,
        "prompt": same_prompt & ~same_row,
        "others": ~same_prompt,
    }
    return StateChange(
        row,
        position,
        {name: caused[member & mask].sum().item() for name, member in members.items()},
        {name: caused[member & mask].abs().sum().item() for name, member in members.items()},
        inner(carried, of_state),
    )


def _only(batch: TokenBatch, position: int, terms: list[str]) -> View:
    """The gradient of the entropy at `position` of a batch of one response, with respect to its view."""
    nothing: Tensor = torch.zeros(batch.mask.shape, dtype=torch.float64, device=batch.mask.device)
    one = nothing.clone()
    one[0, position] = 1.0
    return View(nothing, one, nothing, dict.fromkeys(terms, nothing))
