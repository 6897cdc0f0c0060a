"""Advantages that differ from token to token, against slow second implementations and numbers by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from stages.methods import build
from tests.batches import mean_loss, prepared, random_update, responses_with, value_of

SEEDS = range(4)

# -- entropy shared out by position (2508.04349), as loops --------------------------------------------------------


def gtpo_by_loops(batch, a1=1.0, a2=0.1):
    mask, entropy, size = batch.response_mask, batch.old_entropy, len(batch.rewards)
    found = torch.zeros_like(entropy)
    for i in range(size):
        for t in range(mask.shape[1]):
            if not mask[i, t]:
                continue
            peers = [
                j
                for j in range(size)
                if batch.group[j] == batch.group[i] and batch.correct[j] == batch.correct[i] and mask[j, t]
            ]
            if batch.correct[i]:
                total = sum(entropy[j, t] for j in peers)
                found[i, t] = a1 + a2 * entropy[i, t] / total * len(peers)
            else:
                total = sum(1 / entropy[j, t] for j in peers)
                found[i, t] = -a1 - a2 * (1 / entropy[i, t]) / total * len(peers)
    for group in set(batch.group.tolist()):
        for right in (True, False):
            rows = [i for i in range(size) if batch.group[i] == group and batch.correct[i] == right]
            values = [found[i, t].item() for i in rows for t in range(mask.shape[1]) if mask[i, t]]
            for i, t in [(i, t) for i in rows for t in range(mask.shape[1]) if mask[i, t]]:
                spread = np.std(values, ddof=1) if len(values) > 1 else np.inf
                found[i, t] = (found[i, t] - np.mean(values)) / (spread + 1e-6)
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_gtpo_against_loops(seed):
    batch = random_update(seed)
    assert torch.allclose(build("gtpo", {}).advantages(batch), gtpo_by_loops(batch), atol=1e-9)


def test_a_lone_right_response_learns_nothing_from_gtpo():
    """All its tokens have one reward; in single precision the rounding of their mean must not be divided by its own."""
    for length in range(100, 3000, 123):
        batch = responses_with([1, 0, 0, 0], [length, 40, 50, 60])
        batch = replace(batch, old_entropy=batch.old_entropy.float(), rewards=batch.rewards.float())
        assert (build("gtpo", {}).advantages(batch)[0] == 0).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_grpo_s_is_gtpo_on_mean_entropies(seed):
    batch = random_update(seed)
    means = torch.stack([row[kept].mean() for row, kept in zip(batch.old_entropy, batch.response_mask, strict=True)])
    one_token = replace(batch, response_mask=torch.ones(8, 1, dtype=torch.bool), old_entropy=means[:, None])
    expected = gtpo_by_loops(one_token) * batch.response_mask
    assert torch.allclose(build("grpo_s", {}).advantages(batch), expected, atol=1e-9)


def test_grpo_s_by_hand():
    """Two right responses of mean entropy 1 and 3, two wrong ones of 1 and 1/3: ±(1 + .1·(share · 2))."""
    entropy = torch.tensor([1.0, 3.0, 1.0, 1 / 3], dtype=torch.float64)[:, None].expand(-1, 3)
    batch = replace(responses_with([1, 1, 0, 0]), old_entropy=entropy)
    shaped = np.array([1.05, 1.15, -1.05, -1.15])
    together = (shaped - shaped.mean()) / (shaped.std(ddof=1) + 1e-6)
    assert value_of(build("grpo_s", {"variant": "together"}), batch).tolist() == pytest.approx(together.tolist())
    half = 2**-0.5  # two values are one deviation of N − 1 apart by √2
    assert value_of(build("grpo_s", {}), batch).tolist() == pytest.approx([-half, half, half, -half], abs=1e-4)


def test_grpo_s_ratio_is_the_mean_of_its_tokens():
    update = random_update(3, spread=0.8)
    value = build("grpo_s", {}).surrogate(update, 0.2, 0.28)
    for i, length in enumerate(update.response_length.tolist()):
        ratios = [(update.log_prob[i, t] - update.old_log_prob[i, t]).exp().item() for t in range(length)]
        ratio, advantage = sum(ratios) / length, update.advantages[i, 0].item()
        expected = min(ratio * advantage, min(max(ratio, 0.8), 1.28) * advantage)
        assert value[i, :length].tolist() == pytest.approx([expected] * length)


# -- planning, covariance -----------------------------------------------------------------------------------------


def test_hicra_finds_phrases_across_tokens():
    texts = {0: "Wa", 1: "it", 2: ", x", 3: " let us", 4: " see"}
    batch = responses_with([1, 0], lengths=[5, 4], decode=texts.get)
    batch = replace(batch, token_ids=torch.tensor([[0, 1, 2, 3, 4], [2, 3, 2, 0, 0]]))
    method = build("hicra", {"phrases": ["wait", "let us see"]})
    assert method.planning(batch).tolist() == [[True, True, False, True, True], [False] * 5]
    assert method.advantages(batch)[0].tolist() == pytest.approx([0.6, 0.6, 0.5, 0.6, 0.6])
    assert build("hicra", {"phrases": [", X"]}).advantages(batch)[1].tolist() == pytest.approx(
        [-0.4, -0.5, -0.4, -0.5, 0]
    )
    for phrases in (["it, x", "x let us"], ["let us", "x let us see"]):  # that overlap, or begin alike
        marked = build("hicra", {"phrases": phrases}).planning(batch)[0].tolist()
        assert marked == [False, "it, x" in phrases, True, True, "x let us see" in phrases]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("policy", ["current_policy", "old_policy"])
def test_cw_grpo_weights(seed, policy):
    update = random_update(seed, spread=0.6)
    mask, method = update.response_mask, build("cw_grpo", {"batch_statistics": policy})
    a, p = (
        update.advantages[mask].numpy(),
        (update.log_prob if policy == "current_policy" else update.old_log_prob)[mask],
    )
    p = p.detach().numpy()
    c = (a - a.mean()) * (p - p.mean())
    weight = np.exp(-(c**2) / (2 * c.var(ddof=1)))
    expected = weight / weight.mean()
    seen = prepared(method, update)
    assert method.token_weight(seen)[mask].numpy() == pytest.approx(expected, abs=1e-9)
    # a weight on the objective is the same weight on A
    weighted = replace(update, advantages=update.advantages * method.token_weight(seen))
    assert mean_loss(method, update).item() == pytest.approx(mean_loss(build("grpo", {}), weighted).item())
