"""Methods of 2025 and 2026 against released code, written again, and against what their papers derive."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

from stages.common.files import InputError
from stages.methods import build
from stages.profile.params import load
from stages.rl.batch import TrainingStep
from tests.batches import log_prob_of, mean_loss, prepared, random_update, responses_with, update_for, value_of
from tests.project import ROOT

# -- advantages ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("right", range(6))
def test_passk_is_the_mean_advantage_of_the_sets_that_hold_a_response(k, right):
    rewards = [1] * right + [0] * (5 - right)
    sets = list(combinations(range(5), k))
    solved = np.array([any(rewards[i] for i in chosen) for chosen in sets], dtype=float)
    advantage = (solved - solved.mean()) / (solved.std() + 1e-6)
    expected = [np.mean([advantage[s] for s, chosen in enumerate(sets) if i in chosen]) for i in range(5)]
    assert value_of(build("passk_adv", {"k": k}), responses_with(rewards)).tolist() == pytest.approx(expected, abs=1e-9)


def test_passk_with_one_response_a_set_is_grpo_with_the_deviation_of_n():
    batch = responses_with([1, 0, 0, 1, 0])
    ratio = value_of(build("passk_adv", {"k": 1}), batch) / value_of(build("grpo", {}), batch)
    assert ratio.tolist() == pytest.approx([np.sqrt(5 / 4)] * 5, abs=1e-4)


def test_a_set_is_part_of_what_is_sampled(tmp_path):
    profile = (ROOT / "profiles/smoke.yaml").read_text().replace("passk_adv: {k: 4}", "passk_adv: {k: 9}")
    (tmp_path / "params.yaml").write_text(profile)
    with pytest.raises(InputError, match=r"method_settings\.passk_adv\.k: 9 .* train\.responses_per_prompt is 8"):
        load(tmp_path / "params.yaml")


def test_max_rl_divides_by_the_mean():
    batch = responses_with([1, 0, 0, 0, 0, 0, 1], group=[0, 0, 0, 0, 1, 1, 2])
    assert value_of(build("max_rl", {}), batch).tolist() == pytest.approx([3.0, -1, -1, -1, 0, 0, 0])


@pytest.mark.parametrize("right", range(6))
@pytest.mark.parametrize("quantile", [0.2, 0.4, 0.7])
def test_qae_opens_one_of_two_gates(right, quantile):
    """Rewards of 0 and 1: where at least 1 − K are right, only wrong responses have an advantage; else only right ones."""
    rewards = np.array([1.0] * right + [0.0] * (5 - right))
    value = value_of(build("qae", {"quantile": quantile}), responses_with(rewards.tolist())).numpy()
    baseline = float(right / 5 >= 1 - quantile - 1e-9)
    assert value == pytest.approx((rewards - baseline) / (rewards.std(ddof=1) + 1e-6) * (0 < right < 5), abs=1e-5)


def test_qaes_code_interpolates():
    rewards = torch.tensor([1.0, 1, 0, 0, 0, 1, 0, 1]).double()
    value = value_of(build("qae", {"variant": "code", "quantile": 0.55}), responses_with(rewards.tolist()))
    assert torch.allclose(value, (rewards - torch.quantile(rewards, 0.55)) / (rewards.std() + 1e-6))


def test_asym_grpo_with_square_roots_is_grpo_with_the_deviation_of_n():
    half = {"exponent_positive": 0.5, "exponent_negative": 0.5}
    rewards = [1, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0]
    batch = responses_with(rewards, group=[0] * 4 + [1] * 4 + [2] * 4)
    value = value_of(build("asym_grpo", half), batch)
    assert value.tolist() == pytest.approx([3**0.5, *[-(3**-0.5)] * 3, *[0.0] * 8])
    value = value_of(build("asym_grpo", {}), batch)
    assert value[:2].tolist() == pytest.approx([3**0.9, -(3**-0.4)])


# -- GRPODropout ---------------------------------------------------------------------------------------------------


def dropout(surprisal, rewards):
    """The responses that are left out and the advantages of the others, one response after the other (§3.4)."""
    size = len(rewards)
    advantage = (rewards - rewards.mean()) / (rewards.std(ddof=1) + 1e-6)
    push = advantage / size * (surprisal - surprisal.mean())
    kept = set(range(size))
    while np.cov(advantage * [i in kept for i in range(size)], surprisal, bias=True)[0, 1] < -1e-12:
        kept.remove(min(kept, key=lambda i: push[i]))
    kept |= {i for i in range(size) if advantage[i] <= 0}
    weight = np.exp(-surprisal) * [i in kept for i in range(size)]
    return [i not in kept for i in range(size)], advantage - (weight * advantage).sum() / weight.sum()


@pytest.mark.parametrize("seed", range(6))
def test_grpo_dropout_against_its_procedure(seed):
    """Likely right responses are left out; the others' advantages have mean 0 under the old policy."""
    generator = torch.Generator().manual_seed(seed)
    update = random_update(seed, responses=16)
    rewards = torch.randint(2, (16,), generator=generator).double()
    rewards[::8], rewards[1::8] = 1, 0
    scale = 0.3 + torch.rand(16, 1, generator=generator, dtype=torch.float64)
    update = replace(update, rewards=rewards, correct=rewards > 0, old_log_prob=update.old_log_prob * scale)
    method = build("grpo_dropout", {})
    left_out, advantages = method.left_out(update), method.advantages(update)[:, 0].numpy()
    mean = torch.where(update.response_mask, update.old_log_prob, 0).sum(-1) / update.response_length
    for group in (slice(0, 8), slice(8, 16)):
        expected, centred = dropout(-mean[group].numpy(), rewards[group].numpy())
        assert left_out[group].tolist() == expected
        assert advantages[group][~np.array(expected)] == pytest.approx(centred[~np.array(expected)], abs=1e-9)
    assert (rewards[left_out] == 1).all()
    seen = prepared(method, replace(update, advantages=method.advantages(update)))
    assert torch.equal(seen.mask, update.response_mask & ~left_out[:, None])


def test_grpo_dropout_leaves_something_out():
    """Three right answers, the likeliest of which lowers the entropy most."""
    update = random_update(responses=4, length=1)
    log_prob = torch.tensor([[-0.1], [-1.0], [-2.0], [-3.0]], dtype=torch.float64)
    rewards = torch.tensor([1.0, 1.0, 0.0, 0.0]).double()
    update = replace(
        update, old_log_prob=log_prob, rewards=rewards, correct=rewards > 0, group=torch.zeros(4, dtype=torch.long)
    )
    assert build("grpo_dropout", {}).left_out(update).tolist() == [True, True, False, False]


# -- the whole distribution ----------------------------------------------------------------------------------------


def simko(update, old_likeliest, alpha, share, k, penalty):
    """compute_policy_loss_simko of the released code; `old_likeliest` is what cancels."""
    mask, correct = update.response_mask, (update.rewards == 1)[:, None]
    entropy = torch.where(mask, update.entropy.detach(), torch.nan)
    uncertain = entropy > torch.nanquantile(entropy, share, dim=-1, keepdim=True)
    log_prob = update.logits.log_softmax(-1)
    difference = log_prob.topk(k, -1).values - old_likeliest
    ratio = (update.log_prob - update.old_log_prob).exp()
    terms = ratio.detach()[..., None] / difference.detach().exp() * difference.exp()
    weight = alpha * uncertain * mask
    mixed = torch.where(correct & mask, (1 - weight) * ratio + weight / k * terms.sum(-1), ratio)
    first = update.logits.argmax(-1) == update.token_ids
    dearer = first & (update.advantages.sum(-1) < 0)[:, None] & uncertain
    advantages = update.advantages * torch.where(dearer, penalty, torch.ones_like(update.advantages))
    loss = torch.maximum(-advantages * mixed, -advantages * mixed.clamp(0.8, 1.2))
    return loss[mask].mean(), uncertain & mask & correct, dearer & mask


@pytest.mark.parametrize("seed", range(4))
def test_simko_is_the_released_code(seed):
    """The old policy's likeliest tokens cancel: any will do."""
    update = random_update(seed, responses=16, spread=0.8)
    settings = {"mixing": 0.3, "quantile": 0.6, "likeliest": 3, "penalty": 1.4}
    old = torch.randn(16, 12, 3, dtype=torch.float64)
    theirs, spread, dearer = simko(update, old, 0.3, 0.6, 3, 1.4)
    ours = mean_loss(build("simko", settings), update)
    assert spread.any() and dearer.any() and ours.item() == pytest.approx(theirs.item(), abs=1e-9)
    ours, theirs = (torch.autograd.grad(loss, update.logits, retain_graph=True)[0] for loss in (ours, theirs))
    assert torch.allclose(ours, theirs, atol=1e-9)


@pytest.mark.parametrize("scaled", [True, False])
def test_era_scales_the_logits_of_the_update(scaled):
    """Each side of the bounds on its own, against a softmax of the scaled logits."""
    update, k = random_update(3, responses=16, spread=0.8), 1.7
    update = replace(update, advantages=torch.linspace(-1, 2, 16).double()[:, None] * update.response_mask)
    top = []
    for row, length in enumerate(update.response_length.tolist()):
        entropy = update.entropy[row, :length].detach().sort(descending=True).values
        top.append(entropy[: max(int(0.2 * length), 1)].mean().item())
    low, high = np.quantile(top, [0.3, 0.7])
    good = update.advantages[:, 0] > 0
    sure, unsure = (torch.tensor(top) < low) & good, (torch.tensor(top) > high) & good
    assert sure.any() and unsure.any() and (good & ~sure & ~unsure).any()
    scale = torch.where(sure, k, torch.where(unsure, 1 / k, torch.ones(16, dtype=torch.float64)))
    log_prob = log_prob_of(update.logits * scale[:, None, None], update.token_ids)
    advantages = update.advantages / scale[:, None] if scaled else update.advantages
    expected = mean_loss(
        build("grpo", {"clip_ratio_low": 1.0, "clip_ratio_high": 1.0, "dual_clip": 10.0}),
        replace(update, log_prob=log_prob, advantages=advantages),
    )
    settings = {"entropy_low": low, "entropy_high": high, "sharpening": k, "scale_advantages": scaled}
    found = mean_loss(build("era", settings), update)
    assert found.item() == pytest.approx(expected.item(), abs=1e-9)
    ours, theirs = (torch.autograd.grad(loss, update.logits, retain_graph=True)[0] for loss in (found, expected))
    assert torch.allclose(ours, theirs, atol=1e-9)


def test_era_without_sharpening_is_grpo():
    settings = {"sharpening": 1.0, "clip_ratio_low": 0.2, "clip_ratio_high": 0.2, "dual_clip": None}
    update = random_update(6, spread=0.8)
    assert mean_loss(build("era", settings), update).item() == pytest.approx(
        mean_loss(build("grpo", {}), update).item(), abs=1e-12
    )


# -- controllers ---------------------------------------------------------------------------------------------------


def test_stare_is_grpo_while_the_entropy_is_high():
    update, method = update_for("stare", 3), build("stare", {"sides": "both_sides"})
    for entropy, weighed in ((0.31, False), (0.3, False), (0.29, True)):
        seen = prepared(method, replace(update, training_step=replace(update.training_step, entropy=entropy)))
        weight = method.token_weight(seen)[update.response_mask]
        assert set(weight.tolist()) == ({1.0, 1.1, 0.9} if weighed else {1.0})


def test_stares_weights_follow_the_entropy():
    method = build("stare", {"adaptive": True, "step": 0.25})
    state, seen = method.initial_state(), []
    for step, entropy in enumerate([0.1, 0.1, 0.3, 0.4, 0.4], 1):
        state = method.update_state(
            replace(random_update(), training_step=TrainingStep(step, 5, state)), {"entropy": entropy}
        )
        seen.append((state["weight_positive"], state["weight_negative"]))
    expected = [(1.35, 0.65), (1.5, 0.5), (1.5, 0.5), (1.25, 0.75), (1.0, 1.0)]
    assert [pytest.approx(pair) for pair in seen] == expected
    fixed = build("stare", {})
    batch = replace(random_update(), training_step=TrainingStep(1, 5, fixed.initial_state()))
    assert fixed.update_state(batch, {"entropy": 0.0}) == fixed.initial_state()


def test_repo_rs_zeta_doubles_below_the_first_steps_entropy():
    method = build("repo_r", {"zeta_max": 0.003})
    state, seen = method.initial_state(), []
    for step, entropy in enumerate([0.5, 0.4, 0.4, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6], 1):
        state = method.update_state(
            replace(random_update(), training_step=TrainingStep(step, 9, state)), {"entropy": entropy}
        )
        seen.append(state["zeta"])
    assert seen == pytest.approx([1e-3, 2e-3, 3e-3, 3e-3, 1.5e-3, 7.5e-4, 3.75e-4, 1.875e-4, 1e-4, 1e-4])


def test_prorl_drops_tokens_on_which_engine_and_trainer_disagree():
    update, method = random_update(3), build("prorl", {})
    ratios = torch.tensor([0.49, 0.51, 1.0, 4.99, 5.01]).double()
    row = replace(update, engine_log_prob=update.old_log_prob.clone())
    row.engine_log_prob[0, :5] -= ratios.log()
    weight = method.token_weight(row)
    assert weight[0, :5].tolist() == pytest.approx([0.0, 0.51, 1.0, 4.99, 0.0])
    assert (weight[1:] == 1).all()
    assert method.rollout(TrainingStep(1, 2)).resample_uniform_groups and method.reference == "initial"


def test_prorl_gives_a_response_that_was_cut_off_the_reward_0():
    responses = responses_with([1, 1, 1, 0], lengths=[12, 11, 12, 12], longest=12)
    method = build("prorl", {})
    assert method.rewards(responses).tolist() == [0, 1, 0, 0]
    same = responses_with([0, 1, 0, 0], lengths=[12, 11, 12, 12], longest=12)
    assert torch.equal(method.advantages(responses), build("reinforce_pp_baseline", {}).advantages(same))
    assert build("prorl", {"cut_off_factor": 0.5}).rewards(responses).tolist() == [0.5, 1, 0.5, 0]
    assert build("prorl", {"cut_off_factor": 1.0}).rewards(responses).tolist() == [1, 1, 1, 0]
