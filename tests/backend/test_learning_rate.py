"""A run's own learning rate, against an optimiser and a schedule that were made with it."""

import pytest
import torch
from verl.utils.torch_functional import get_constant_schedule_with_warmup, get_cosine_schedule_with_warmup

from stages.backend.learning_rate import with_rate

SCHEDULES = {
    "constant": lambda optimiser: get_constant_schedule_with_warmup(optimiser, num_warmup_steps=0),
    "warm-up": lambda optimiser: get_constant_schedule_with_warmup(optimiser, num_warmup_steps=3),
    "cosine": lambda optimiser: get_cosine_schedule_with_warmup(optimiser, num_warmup_steps=2, num_training_steps=9),
}


def trained(weights, rate, schedule, prepare=lambda optimiser, scheduler: None):
    """The learning rates of nine steps, and the weights after them."""
    weights = weights.clone().requires_grad_()
    optimiser = torch.optim.AdamW([weights], lr=rate, weight_decay=0.1)
    scheduler = SCHEDULES[schedule](optimiser)
    prepare(optimiser, scheduler)
    rates = []
    for step in range(9):
        (weights * torch.arange(1.0, 6.0) * (step + 1)).sin().sum().backward()
        optimiser.step()
        optimiser.zero_grad()
        rates.append(optimiser.param_groups[0]["lr"])
        scheduler.step()
    return rates, weights.detach()


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("rate", [3e-4, 1e-6, None])
def test_a_run_with_its_own_rate_is_one_that_was_made_with_it(schedule, rate):
    """Bit by bit; without one it is the session's."""
    made_with, weights = 1e-3, torch.linspace(-1, 1, 5)

    def prepare(optimiser, scheduler):
        groups, state = with_rate(optimiser.state_dict()["param_groups"], scheduler.state_dict(), rate)
        optimiser.load_state_dict({"state": {}, "param_groups": groups})
        scheduler.load_state_dict(state)

    ours, theirs = trained(weights, made_with, schedule, prepare), trained(weights, rate or made_with, schedule)
    assert ours[0] == theirs[0] and torch.equal(ours[1], theirs[1])


def test_what_the_session_keeps_stays_as_it_is():
    optimiser = torch.optim.AdamW([torch.zeros(2, requires_grad=True)], lr=1e-3)
    scheduler = SCHEDULES["warm-up"](optimiser)
    groups, state = optimiser.state_dict()["param_groups"], scheduler.state_dict()
    before = [dict(group) for group in groups], dict(state)
    with_rate(groups, state, 0.5)
    assert ([dict(group) for group in groups], dict(state)) == before
