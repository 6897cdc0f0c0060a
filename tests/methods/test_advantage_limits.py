"""Rewards and advantages at the edges: single precision, sure tokens, empty rows, groups of one, settings that are refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.common.files import InputError
from stages.methods import METHODS, build, class_of
from stages.rl.advantages import group_centred, group_mean, group_uniform
from tests.batches import mean_loss, method_of, random_update, update_for

OWN_ADVANTAGES = [name for name in METHODS if {"reward", "advantage"} & set(class_of(name).changed_hooks())]

# what float32 makes of −Σ p·ln p for a token that is all but sure: a little below 0 as easily as above
SURE = st.sampled_from([-3e-7, -1e-8, 0.0, 1e-9, 2e-8])


def single(update):
    """`update` in the precision that training uses."""
    cast = {
        name: getattr(update, name).float()
        for name in ("old_log_prob", "old_entropy", "rewards", "advantages", "reference_log_prob")
    }
    return replace(update, **cast)


@pytest.mark.parametrize("name", OWN_ADVANTAGES)
@settings(max_examples=20)
@given(
    entropies=st.lists(st.one_of(SURE, st.floats(0, 5)), min_size=8, max_size=8),
    log_prob=st.sampled_from([0.0, -1e-7, -3.0, -80.0]),
    rewards=st.lists(st.sampled_from([0.0, 1.0]), min_size=8, max_size=8),
    group=st.sampled_from([[0] * 8, [0, 0, 0, 0, 1, 1, 1, 1], [0, 1, 2, 3, 4, 5, 6, 7], [0, 0, 0, 0, 0, 0, 0, 1]]),
    lengths=st.lists(st.integers(0, 3), min_size=8, max_size=8).filter(any),
)
def test_advantages_are_finite_and_bounded(name, entropies, log_prob, rewards, group, lengths):
    """Rewards are 0 or 1, so no baseline, normalisation or bonus of the catalogue takes A beyond 64."""
    method, update = method_of(name), single(update_for(name, 1, length=3))
    rewards = torch.tensor(rewards)
    update = replace(
        update,
        rewards=rewards,
        correct=rewards > 0,
        group=torch.tensor(group),
        prompt_id=tuple(f"p{number}" for number in group),
        response_mask=torch.arange(3)[None] < torch.tensor(lengths)[:, None],
        old_entropy=torch.tensor(entropies)[:, None].expand(-1, 3),
        old_log_prob=torch.full((8, 3), log_prob),
    )
    advantages = method.advantages(update)
    assert advantages.shape == (8, 3) and advantages.dtype == torch.float32
    assert torch.isfinite(advantages).all() and advantages.abs().max() < 64
    assert (advantages[~update.response_mask] == 0).all()


@pytest.mark.parametrize("name", METHODS)
def test_a_response_without_tokens_counts_nowhere(name):
    method, update = method_of(name), update_for(name, 4, spread=0.5)
    empty = replace(update, response_mask=update.response_mask & (torch.arange(8) != 3)[:, None])
    loss = mean_loss(method, empty)
    (gradient,) = torch.autograd.grad(loss, update.logits)
    assert torch.isfinite(loss) and torch.isfinite(gradient).all() and (gradient[3] == 0).all()


@pytest.mark.parametrize("name", ["gtpo", "grpo_s"])
@pytest.mark.parametrize("right", [True, False])
def test_rounding_of_sure_tokens_does_not_share_out_rewards(name, right):
    """Entropies up to 1e-8 are all alike, below 0 or not; as plain shares of their sum these would be −½, 1, 0 and ½."""
    update = replace(
        random_update(1, responses=4, length=1),
        response_mask=torch.ones(4, 1, dtype=torch.bool),
        correct=torch.full((4,), right),
        group=torch.zeros(4, dtype=torch.int64),
        old_entropy=torch.tensor([-2.5e-9, 5e-9, 0.0, 2.5e-9])[:, None],
    )
    assert (build(name, {}).advantages(update) == 0).all()


def test_the_second_half_of_a_group_is_not_the_first():
    """GTPO normalises a group by itself: another group's responses do not move it."""
    update = random_update(2)
    other = replace(update, old_entropy=torch.where(update.group[:, None] == 0, update.old_entropy, 3.0))
    for name in ("gtpo", "grpo_s"):
        method = build(name, {})
        assert torch.equal(method.advantages(update)[:4], method.advantages(other)[:4])


@given(
    rewards=st.lists(st.floats(-1, 1, width=32), min_size=6, max_size=6),
    group=st.lists(st.integers(0, 3), min_size=6, max_size=6),
    equal=st.booleans(),
)
@settings(max_examples=60)
def test_group_helpers_against_loops(rewards, group, equal):
    rewards = [rewards[number] for number in group] if equal else rewards
    values, numbers = torch.tensor(rewards), torch.tensor(group)
    members = [[rewards[j] for j in range(6) if group[j] == number] for number in group]
    assert group_uniform(values, numbers).tolist() == [len(set(own)) == 1 for own in members]
    centred = [reward - np.mean(own) if len(own) > 1 else reward for reward, own in zip(rewards, members, strict=True)]
    assert group_centred(values, numbers).tolist() == pytest.approx(centred, abs=1e-6)


def test_gpg_does_not_take_rounding_for_signal():
    """Three rewards of .9 have a mean that is not .9 in single precision; their group is dead all the same."""
    rewards, group = torch.tensor([0.9, 0.9, 0.9, 1.0, 0.0, 1.0]), torch.tensor([0, 0, 0, 1, 1, 1])
    assert (rewards - group_mean(rewards, group))[0] != 0
    update = replace(random_update(1, responses=6), rewards=rewards, group=group)
    value = build("gpg", {}).advantages(update)[:, 0]
    assert value[3:].tolist() == pytest.approx([2 / 3, -4 / 3, 2 / 3])  # α = 6/(6 − 3)


def test_dcpo_first_visit_is_population_normalised():
    update = random_update(3, state={"history": {}})
    for number in (0, 1):
        rows = update.group == number
        rewards = update.rewards[rows].numpy()
        expected = (rewards - rewards.mean()) / rewards.std() if rewards.std() else np.zeros(4)
        assert build("dcpo", {}).advantages(update)[rows, 0].tolist() == pytest.approx(expected.tolist())


@pytest.mark.parametrize(
    "name, changes, said",
    [
        ("dapo", {"overlong_length": 56}, "method_settings.dapo.overlong_buffer: .*longer than overlong_length, 56"),
        ("forking_tokens", {"overlong_buffer": 30000}, "method_settings.forking_tokens.overlong_buffer"),
        ("hicra", {"phrases": []}, "method_settings.hicra.phrases"),
        ("hicra", {"phrases": ["wait", ""]}, "method_settings.hicra.phrases.1"),
        ("hicra", {}, "method_settings.hicra.phrases: not published"),
        ("outcome_ucb", {}, "method_settings.outcome_ucb.coefficient: not published"),
        ("outcome_batch", {}, "method_settings.outcome_batch.coefficient: not published"),
        ("entropy_adv", {"kappa": 1.0}, "method_settings.entropy_adv.kappa"),
        ("grpo_s", {"variant": "both"}, "method_settings.grpo_s.variant"),
        ("random_reward", {"probability": 1.5}, "method_settings.random_reward.probability"),
    ],
)
def test_wrong_settings_are_named(name, changes, said):
    with pytest.raises(InputError, match=said):
        build(name, changes)
