"""SENT, the shaping of Decomposing and PREPO against numbers computed apart from them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from stages.methods import build
from stages.rl.batch import TrainingStep
from stages.rl.selection import window
from stages.rl.settings import Rollout
from tests.batches import mean_loss, prepared, random_update, update_for

# -- SENT ----------------------------------------------------------------------------------------------------------------


def held_by_hand(update, low_share, share):
    """Token -> the factor on its KL term, ranked one token after the other."""
    tokens = [(b, t) for b in range(8) for t in range(12) if update.response_mask[b, t]]
    tokens.sort(key=lambda token: update.entropy[token].item())
    low = tokens[: int(len(tokens) * low_share)]
    advantage, log_prob = (
        np.array([values[token].item() for token in low]) for values in (update.advantages, update.log_prob)
    )
    order = np.argsort((advantage - advantage.mean()) * (log_prob - log_prob.mean()))
    count = max(1, int(len(low) * share))
    return {low[i]: 0.5 for i in order[:count]} | {low[i]: 2.0 for i in order[-count:]}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [2e-4, 0.15])
def test_sent_against_a_loop_over_tokens(seed, share):
    update = update_for("sent_released", seed, spread=0.8)
    method = build("sent_released", {"share": share, "coefficient": 0.7})
    loss = mean_loss(method, update)
    held, expected = held_by_hand(update, 0.8, share), 0.0
    scale = torch.zeros_like(update.advantages)  # d surrogate / d log p
    for b, t in update.response_mask.nonzero().tolist():
        difference = (update.log_prob[b, t] - update.old_log_prob[b, t]).item()
        gain, pull = np.exp(difference) * update.advantages[b, t].item(), 0.7 * held.get((b, t), 0.0)
        expected -= gain - pull * abs(difference)
        scale[b, t] = gain - pull * np.sign(difference)
    kept = int(update.response_mask.sum())
    assert loss.item() == pytest.approx(expected / kept, abs=1e-12)
    (gradient,) = torch.autograd.grad(loss, update.logits)
    one_hot = torch.nn.functional.one_hot(update.token_ids, 7)
    assert torch.allclose(gradient, -scale[..., None] * (one_hot - update.logits.softmax(-1)) / kept, atol=1e-12)


def test_sent_holds_no_more_tokens_when_covariances_are_equal():
    update = replace(update_for("sent_released"), advantages=torch.zeros(8, 12, dtype=torch.float64))
    held = prepared(build("sent_released", {}), update).statistics["held"]
    assert (held > 0).sum() in (1, 2)  # one at each end, which may be the same


# -- Decomposing ---------------------------------------------------------------------------------------------------------


def two_groups(log_perplexity):
    """Responses of two groups of five with one token each, of the given log-perplexities."""
    update = random_update(responses=10, length=1)
    return replace(
        update,
        response_mask=torch.ones(10, 1, dtype=torch.bool),
        old_log_prob=-torch.tensor(log_perplexity, dtype=torch.float64)[:, None],
        group=torch.arange(10) // 5,
    )


def test_relative_perplexity_leaves_outliers_out_of_the_mean():
    values = [1.0, 1.1, 1.2, 1.3, 9.0] + [0.4] * 5
    relative = build("decomposing", {}).relative_perplexity(two_groups(values))
    usual = np.array(values[:4])  # quartiles 1.1 and 1.3: 9.0 is beyond 1.3 + 1.5·0.2
    expected = (np.array(values[:5]) - usual.mean()) / usual.std()
    assert relative[:5].tolist() == pytest.approx(expected.tolist())
    assert relative[5:].tolist() == [0.0] * 5  # no deviation: it counts as 1


def test_unlikely_responses_count_less_within_bounds():
    update = replace(
        two_groups([1.0, 1.1, 1.2, 1.3, 9.0] + [0.4] * 5), rewards=torch.tensor([0.0, 1.0] * 5, dtype=torch.float64)
    )
    plain = build("clip_higher", {}).advantages(update)
    shaped = build("decomposing", {"shaping": 0.05}).advantages(update)
    z = (1.0 - 1.15) / np.std([1.0, 1.1, 1.2, 1.3])
    assert (shaped / plain)[0].item() == pytest.approx(1 - 0.05 * z)
    assert (shaped / plain)[4].item() == pytest.approx(0.8)  # 1 − 0.05·70 is held there


def test_late_tokens_count_more():
    update = random_update(2, length=4)
    update = replace(update, response_mask=torch.tensor([[True] * 4, [True, True, False, False]] * 4))
    advantages = build("grpo", {}).advantages(update)
    shaped = build("decomposing", {"variant": "position"}).advantages(update)
    bonus = 0.1 / (1 + np.exp(-15 * (np.arange(4) / 4 - 0.5)))  # .00006, .0023, .05, .0977
    expected = advantages[0].numpy() + np.sign(advantages[0].numpy()) * np.minimum(
        bonus, abs(advantages[0].numpy()) / 2
    )
    assert shaped[0].tolist() == pytest.approx(expected.tolist())
    first, second = (0.1 / (1 + np.exp(7.5)), 0.1 / 2)  # of two tokens: positions 0 and ½
    size = advantages[1, 0].abs().item()
    assert (shaped[1] - advantages[1]).abs().tolist() == pytest.approx(
        [min(first, size / 2), min(second, size / 2), 0.0, 0.0]
    )


def test_the_bonus_is_at_most_half_the_advantage():
    update = random_update(2)
    shaped = build("decomposing", {"variant": "position", "shaping": 100.0}).advantages(update)
    plain = build("grpo", {}).advantages(update)
    assert torch.allclose(shaped[:, -1], plain[:, -1] * torch.where(update.response_mask[:, -1], 1.5, 1.0))


@pytest.mark.parametrize("variant", ["perplexity", "position"])
def test_decomposing_without_shaping_is_clip_higher(variant):
    update = random_update(6, spread=0.6)
    methods = [build("decomposing", {"variant": variant, "shaping": 0.0}), build("clip_higher", {})]
    losses = [mean_loss(method, replace(update, advantages=method.advantages(update))) for method in methods]
    assert torch.equal(*losses)
    assert torch.equal(*(torch.autograd.grad(loss, update.logits, retain_graph=True)[0] for loss in losses))


# -- PREPO ---------------------------------------------------------------------------------------------------------------


def test_prepo_weighs_responses_by_their_entropy():
    """Mean entropies 1, 3 and 2, 2 (padding left out): weights .5, 1.5, 1, 1."""
    update = random_update(responses=4, length=2)
    update = replace(
        update,
        response_mask=torch.tensor([[True, False], [True, True], [True, True], [True, False]]),
        old_entropy=torch.tensor([[1.0, 9.0], [2.0, 4.0], [1.0, 3.0], [2.0, 7.0]], dtype=torch.float64),
    )
    ratio = build("prepo", {}).advantages(update)[:2, 0] / build("grpo", {}).advantages(update)[:2, 0]
    assert ratio.tolist() == pytest.approx([0.5, 1.5])


@pytest.mark.parametrize("size", [1, 4, 20])
@pytest.mark.parametrize("place", [0.0, 0.37, 0.5, 1.0])
def test_the_window_against_counting(size, place):
    """Those inside are the ranks from ⌊place·(n − size)⌋ on: so many are smaller than all of them, the rest larger."""
    values = torch.rand(20, generator=torch.Generator().manual_seed(size)).tolist()
    inside = window(values, size, place)
    assert inside == sorted(set(inside)) and len(inside) == size
    chosen = [values[i] for i in inside]
    outside = [value for i, value in enumerate(values) if i not in inside]
    below = sum(value < min(chosen) for value in outside)
    assert below == math.floor(place * (20 - size))
    assert sum(value > max(chosen) for value in outside) == 20 - size - below


def test_equal_values_keep_their_order():
    assert [window([2.0, 1.0, 2.0, 1.0], 1, place) for place in (0.0, 0.34, 0.67, 1.0)] == [[1], [3], [0], [2]]


def test_prepo_goes_from_the_lowest_perplexities_to_the_highest():
    """Of 20 candidates the 4 of the easiest in the first of five steps, of the hardest in the last."""
    perplexity = [float(value) for value in range(20)]
    method, taken = build("prepo", {}), []
    for step in range(1, 6):
        rollout = method.rollout(TrainingStep(step, 5))
        taken.append(window(perplexity, 20 // rollout.candidate_batches, rollout.candidate_place))
    assert taken == [list(range(first, first + 4)) for first in (0, 4, 8, 12, 16)]


def test_prepo_without_candidates_samples_as_grpo_does():
    """Whatever the place; and a training of one step has one."""
    plain = build("prepo", {"candidate_batches": 1}).rollout(TrainingStep(3, 5))
    assert plain.candidate_batches == Rollout().candidate_batches
    assert build("prepo", {}).rollout(TrainingStep(1, 1)).candidate_place == 0


def test_prepo_with_a_certain_policy_is_grpo():
    update = random_update(1)
    update = replace(update, old_entropy=torch.zeros_like(update.old_entropy))
    assert torch.equal(build("prepo", {}).advantages(update), build("grpo", {}).advantages(update))
