"""Rewards and advantages against verl 0.9.1's estimators, slow second implementations and numbers by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from verl.trainer.ppo import core_algos

from stages.methods import build
from stages.surrogate.batch import Progress
from tests.batches import mean_loss, random_update, surveyed

SEEDS = range(4)


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


def test_gpg_alpha_counts_responses_without_signal():
    batch = responses_with([1, 0, 1, 1, 0, 0], group=[0, 0, 1, 1, 2, 2])
    assert value_of(build("gpg", {}), batch).tolist() == pytest.approx([1.5, -1.5, 0, 0, 0, 0])  # α = 6/(6 − 4)
    assert value_of(build("gpg", {"variant": "verl"}), batch).tolist() == pytest.approx([1, -1, 0, 0, 0, 0])  # 6/3


def test_overlong_responses_lose_up_to_half():
    method = build("dapo", {"overlong_length": 12, "overlong_buffer": 4})
    batch = responses_with([1, 1, 1, 0], lengths=[8, 9, 12, 10])
    assert method.rewards(batch).tolist() == pytest.approx([1, 1 - 0.125, 0.5, -0.25])
    plain = build("dapo", {"overlong_shaping": False})
    assert plain.rewards(batch).tolist() == [1, 1, 1, 0]


def test_dapo_resamples_unless_told_not_to():
    progress = Progress(1, 10)
    assert build("dapo", {}).rollout(progress).resample_uniform_groups
    assert not build("dapo", {"dynamic_sampling": False}).rollout(progress).resample_uniform_groups


def test_psr_nsr_and_their_mixture():
    batch = responses_with([1, 0, 1, 0])
    assert value_of(build("psr", {}), batch).tolist() == [1, 0, 1, 0]
    assert value_of(build("nsr", {}), batch).tolist() == [0, -1, 0, -1]
    assert value_of(build("w_reinforce", {}), batch).tolist() == pytest.approx([0.1, -1, 0.1, -1])


def test_unlikely_right_answers_earn_more():
    batch = responses_with([1, 1, 1, 1])
    log_prob = torch.tensor([-1.0, -3.0, -2.0, -4.0], dtype=torch.float64)[:, None].expand(-1, 3)
    batch = replace(batch, old_log_prob=log_prob)
    method = build("unlikeliness", {})
    assert method.rewards(batch).tolist() == pytest.approx([1 - 0.25 * rank / 4 for rank in (3, 1, 2, 0)])
    # the released code's group of right responses: ±1.16 and ±0.39
    assert value_of(method, batch).tolist() == pytest.approx([-1.1619, 0.3873, -0.3873, 1.1619], abs=1e-3)


def test_unlikeliness_ranks_wrong_responses_too():
    batch = responses_with([0, 1])
    log_prob = torch.tensor([-5.0, -1.0], dtype=torch.float64)[:, None].expand(-1, 3)
    assert build("unlikeliness", {}).rewards(replace(batch, old_log_prob=log_prob)).tolist() == [0, 1 - 0.25 / 2]


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


# -- planning, covariance, outcomes -------------------------------------------------------------------------------


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
@pytest.mark.parametrize("policy", ["current", "old"])
def test_cw_grpo_weights(seed, policy):
    update = random_update(seed, spread=0.6)
    mask, method = update.response_mask, build("cw_grpo", {"statistics": policy})
    a, p = update.advantages[mask].numpy(), (update.log_prob if policy == "current" else update.old_log_prob)[mask]
    p = p.detach().numpy()
    c = (a - a.mean()) * (p - p.mean())
    weight = np.exp(-(c**2) / (2 * c.var(ddof=1)))
    expected = weight / weight.mean()
    seen = surveyed(method, update)
    assert method.token_weight(seen)[mask].numpy() == pytest.approx(expected, abs=1e-9)
    # a weight on the objective is the same weight on A
    weighted = replace(update, advantages=update.advantages * method.token_weight(seen))
    assert mean_loss(method, update).item() == pytest.approx(mean_loss(build("grpo", {}), weighted).item())


def test_outcome_ucb_remembers_answers():
    method = build("outcome_ucb", {"coefficient": 2.0})
    batch = responses_with([0, 0, 0, 0], progress=Progress(1, 5, method.initial_state()))
    batch = replace(batch, answer=("7", "7", "7", "8"))
    assert value_of(method, batch).tolist() == [0, 0, 0, 0]  # nothing was seen before: all alike
    state = json.loads(json.dumps(method.next_state(batch, {})))
    assert state == {"counts": {"p0": {"7": 3, "8": 1}}}
    later = replace(batch, progress=Progress(2, 5, state), answer=("7", "8", "9", "7"))
    bonus = np.array([3**-0.5, 1, 1, 3**-0.5])
    assert value_of(method, later).tolist() == pytest.approx(2 * (bonus - bonus.mean()), abs=1e-9)
    constant = build("outcome_ucb", {"coefficient": 2.0, "baseline": 0.5})
    assert value_of(constant, later).tolist() == pytest.approx(2 * (bonus - 0.5), abs=1e-9)
    apart = replace(later, group=torch.tensor([0, 0, 1, 1]), prompt_id=("p0", "p0", "p1", "p1"))
    half = 1 - 3**-0.5  # the mean is the prompt's own, and p1 was never asked before
    assert value_of(method, apart).tolist() == pytest.approx([-half, half, 0, 0], abs=1e-9)
    assert method.next_state(later, {})["counts"]["p0"] == {"7": 5, "8": 2, "9": 1}
    assert state == {"counts": {"p0": {"7": 3, "8": 1}}}  # the earlier state is left as it was


def test_outcome_batch_counts_repeats_within_the_prompt():
    batch = replace(responses_with([0, 0, 0, 0], group=[0, 0, 0, 1]), answer=("7", "7", "8", "7"))
    method = build("outcome_batch", {"coefficient": 3.0})
    assert value_of(method, batch).tolist() == pytest.approx([-1, -1, 0, 0])


def test_random_reward_knows_nothing_of_the_response():
    method = build("random_reward", {})
    batch = random_update(1, responses=64)
    flipped = replace(batch, rewards=1 - batch.rewards, correct=~batch.correct)
    assert torch.equal(method.rewards(batch), method.rewards(flipped))
    assert 0.25 < method.rewards(batch).mean() < 0.75
    later = replace(batch, progress=replace(batch.progress, step=2))
    assert not torch.equal(method.rewards(batch), method.rewards(later))
    order = torch.randperm(64)
    assert torch.equal(method.rewards(replace(batch, index=batch.index[order])), method.rewards(batch)[order])
    assert build("random_reward", {"probability": 0.0}).rewards(batch).sum() == 0


# -- DCPO ---------------------------------------------------------------------------------------------------------


def test_dcpo_smooths_over_three_visits():
    method, state, seen = build("dcpo", {}), {"history": {}}, []
    for visit, rewards in enumerate([[1, 0, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0]], 1):
        batch = responses_with(rewards, progress=Progress(visit, 3, state))
        seen += rewards
        now, past = np.array(rewards, dtype=float), np.array(seen, dtype=float)
        current = (now - now.mean()) / now.std() if now.std() else np.zeros(4)
        cumulative = (now - past.mean()) / past.std()
        late = (visit - 1) / visit * current + cumulative / visit
        early = current / visit + (visit - 1) / visit * cumulative
        expected = np.where(np.abs(late) < np.abs(early), late, early)
        assert value_of(method, batch).tolist() == pytest.approx(expected.tolist(), abs=1e-9)
        state = json.loads(json.dumps(method.next_state(batch, {})))
    assert state["history"] == {"p0": [3, 12, 7.0, 7.0]}


def test_dcpo_bounds_by_hand():
    batch = random_update(2, responses=2, length=1)
    for old, low, high in [(1.0, 0.5 + 0.5 * 0.36**0.5, 0.5 + 0.5 * 1.8**0.5), (0.04, 0.5, 0.5 + 0.5 * 21**0.5)]:
        probability = torch.full((2, 1), old, dtype=torch.float64)
        widths = build("dcpo", {}).clip_range(replace(batch, old_log_prob=probability.log()))
        assert [(1 - widths[0])[0, 0].item(), (1 + widths[1])[0, 0].item()] == pytest.approx([low, high])
    tiny = replace(batch, old_log_prob=torch.full((2, 1), -30.0, dtype=torch.float64))
    assert (1 + build("dcpo", {}).clip_range(tiny)[1]).max() == 10
