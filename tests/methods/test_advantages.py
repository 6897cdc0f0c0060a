"""Rewards and advantages against verl 0.9.1's estimators and numbers by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from verl.trainer.ppo import core_algos

from stages.methods import build
from stages.rl.advantages import group_normalised
from stages.rl.batch import TrainingStep
from tests.batches import random_update, responses_with, value_of

SEEDS = range(4)


# -- against verl 0.9.1 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["two groups", "groups of one", "all right", "all wrong"])
@pytest.mark.parametrize(
    "name, settings, estimator",
    [
        ("grpo", {}, "compute_grpo_outcome_advantage"),
        ("rloo", {}, "compute_rloo_outcome_advantage"),
        ("opo", {}, "compute_opo_outcome_advantage"),
        ("reinforce_pp", {}, "compute_reinforce_plus_plus_outcome_advantage"),
        ("reinforce_pp_baseline", {}, "compute_reinforce_plus_plus_baseline_outcome_advantage"),
        ("gpg", {"variant": "verl"}, "compute_gpg_outcome_advantage"),
    ],
)
def test_advantages_are_verls(name, settings, estimator, kind, seed):
    batch = random_update(seed)
    group = torch.arange(8) if kind == "groups of one" else batch.group
    rewards = {"all right": torch.ones(8), "all wrong": torch.zeros(8)}.get(kind, batch.rewards).double()
    batch = replace(batch, group=group, rewards=rewards, correct=rewards > 0)
    token_rewards = torch.zeros_like(batch.old_log_prob)
    token_rewards[torch.arange(8), batch.response_length - 1] = batch.rewards
    config = type("Config", (dict,), {"__getattr__": dict.get})(gamma=1.0, f_norm=1.0)
    arguments = {"token_level_rewards": token_rewards.clone(), "response_mask": batch.response_mask.double()}
    function = getattr(core_algos, estimator)
    if "index" in function.__code__.co_varnames[: function.__code__.co_argcount]:
        arguments["index"] = batch.group.numpy()
    if "config" in function.__code__.co_varnames[: function.__code__.co_argcount]:
        arguments["config"] = config
    theirs, _ = function(**arguments)
    # verl's mean over tokens has 1e-8 in its denominator, which whitening equal rewards enlarges 1e4 times
    tolerance = 1e-4 if name.startswith("reinforce") and kind == "all right" else 1e-6
    assert torch.allclose(build(name, settings).advantages(batch), theirs.double(), atol=tolerance)


@pytest.mark.parametrize("seed", SEEDS)
def test_dr_grpo_is_verls_grpo_without_the_deviation(seed):
    batch = random_update(seed)
    token_rewards = torch.zeros_like(batch.old_log_prob)
    token_rewards[torch.arange(8), batch.response_length - 1] = batch.rewards
    theirs, _ = core_algos.compute_grpo_outcome_advantage(
        token_rewards, batch.response_mask, np.array(batch.prompt_id), norm_adv_by_std_in_grpo=False
    )
    assert torch.allclose(build("dr_grpo", {}).advantages(batch), theirs.double(), atol=1e-6)


# -- by hand ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reward", [0.1, 0.3, 0.7, 0.9])
@pytest.mark.parametrize("size", [3, 7, 8, 11])
def test_equal_rewards_in_single_precision_teach_nothing(reward, size):
    """The mean of equal numbers may be off by its last bit, which must not be divided by ε."""
    rewards = torch.full((size,), reward, dtype=torch.float32)
    assert group_normalised(rewards, torch.zeros(size)).abs().max() < 1e-6


def test_gpg_alpha_counts_responses_without_signal():
    batch = responses_with([1, 0, 1, 1, 0, 0], group=[0, 0, 1, 1, 2, 2])
    assert value_of(build("gpg", {}), batch).tolist() == pytest.approx([1.5, -1.5, 0, 0, 0, 0])  # α = 6/(6 − 4)
    assert value_of(build("gpg", {"variant": "verl"}), batch).tolist() == pytest.approx([1, -1, 0, 0, 0, 0])  # 6/3


def test_overlong_responses_lose_up_to_half():
    method = build("dapo", {"overlong_length": 12, "overlong_buffer": 4})
    batch = responses_with([1, 1, 1, 0], lengths=[8, 9, 12, 10])
    assert method.rewards(batch).tolist() == pytest.approx([1, 1 - 0.125, 0.5, -0.25])
    harder = build("dapo", {"overlong_length": 12, "overlong_buffer": 4, "overlong_penalty": 2.0})
    assert harder.rewards(batch).tolist() == pytest.approx([1, 1 - 0.25, 0.0, -0.5])
    plain = build("dapo", {"overlong_shaping": False})
    assert plain.rewards(batch).tolist() == [1, 1, 1, 0]


def test_dapo_resamples_unless_told_not_to():
    training_step = TrainingStep(1, 10)
    assert build("dapo", {}).rollout(training_step).resample_uniform_groups
    assert not build("dapo", {"dynamic_sampling": False}).rollout(training_step).resample_uniform_groups


def test_psr_nsr_and_their_mixture():
    batch = responses_with([1, 0, 1, 0])
    assert value_of(build("psr", {}), batch).tolist() == [1, 0, 1, 0]
    assert value_of(build("nsr", {}), batch).tolist() == [0, -1, 0, -1]
    assert value_of(build("w_reinforce", {}), batch).tolist() == pytest.approx([0.1, -1, 0.1, -1])


def test_unlikely_right_answers_earn_more():
    """Ranks from the most likely one are 0, 2, 1, 3, and 4 of a wrong response."""
    batch = responses_with([1, 1, 1, 1, 0])
    log_prob = torch.tensor([-1.0, -3.0, -2.0, -4.0, -5.0], dtype=torch.float64)[:, None].expand(-1, 3)
    batch = replace(batch, old_log_prob=log_prob)
    paper, code = build("unlikeliness", {}), build("unlikeliness", {"variant": "code"})
    ranks = (0, 2, 1, 3)
    assert paper.rewards(batch).tolist() == pytest.approx([1 - 0.25 * (5 - rank) / 5 for rank in ranks] + [0])
    assert code.rewards(batch).tolist() == pytest.approx([1 - 0.25 * (4 - rank) / 5 for rank in ranks] + [0])


@pytest.mark.parametrize("variant", ["paper", "code"])
def test_unlikeliness_leaves_a_group_of_right_responses_alone(variant):
    batch = responses_with([1, 1, 1, 1])
    log_prob = torch.tensor([-1.0, -3.0, -2.0, -4.0], dtype=torch.float64)[:, None].expand(-1, 3)
    method = build("unlikeliness", {"variant": variant})
    assert value_of(method, replace(batch, old_log_prob=log_prob)).tolist() == [0] * 4


def test_unlikeliness_ranks_wrong_responses_too():
    batch = responses_with([0, 1])
    log_prob = torch.tensor([-5.0, -1.0], dtype=torch.float64)[:, None].expand(-1, 3)
    method = build("unlikeliness", {"variant": "code"})
    assert method.rewards(replace(batch, old_log_prob=log_prob)).tolist() == [0, 1 - 0.25 / 2]


def test_entropy_adv_by_hand():
    """At r = 1 the objective is A + min(.4·H, |A|/2), with the current policy's H, which gets no gradient of its own."""
    update = replace(responses_with([1, 0], lengths=[1, 1]), advantages=torch.tensor([[1.0], [-1.0]]).double())
    entropy = torch.tensor([[0.5], [3.0]], dtype=torch.float64, requires_grad=True)
    log_prob = update.old_log_prob[:, :1].clone().requires_grad_()
    update = replace(
        update, log_prob=log_prob, old_log_prob=log_prob.detach(), entropy=entropy, mask=update.response_mask
    )
    loss, _ = build("entropy_adv", {}).token_loss(update)
    assert (-loss[:, 0]).tolist() == pytest.approx([1 + 0.2, -1 + 0.5])
    gradients = torch.autograd.grad(-loss.sum(), [log_prob, entropy], allow_unused=True)
    assert gradients[0][:, 0].tolist() == pytest.approx([1.2, -0.5]) and gradients[1] is None
