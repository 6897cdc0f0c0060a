"""The surrogates against the losses that verl 0.9.1 registers, and against the formulas of released code."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from verl.trainer.ppo import core_algos
from verl.workers.config import ActorConfig, PolicyLossConfig

from stages.common.files import InputError
from stages.methods import METHODS, build
from stages.rl.batch import rows
from stages.rl.ratio import k3
from tests.batches import mean_loss, method_of, prepared, random_update, update_for


def verls(name, update, aggregation, policy_loss=None, **settings):
    """verl's loss `name` over `update` as one batch."""
    batch_size = {"ppo_mini_batch_size": 8, "ppo_micro_batch_size_per_gpu": 8}
    config = ActorConfig(
        strategy="fsdp", rollout_n=1, policy_loss=PolicyLossConfig(**policy_loss or {}), **batch_size, **settings
    )
    loss = core_algos.get_policy_loss_fn(name)
    return loss(update.old_log_prob, update.log_prob, update.advantages, update.response_mask, aggregation, config)[0]


def assert_same(ours, theirs, update):
    """Loss and gradient with respect to the logits agree to 1e-6."""
    assert torch.allclose(ours, theirs, atol=1e-6, rtol=0)
    ours, theirs = (torch.autograd.grad(loss, update.logits, retain_graph=True)[0] for loss in (ours, theirs))
    assert ours.abs().max() > 1e-3
    assert torch.allclose(ours, theirs, atol=1e-6, rtol=0)


# -- against verl 0.9.1 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("widths", [{"clip_ratio_low": 3e-4, "clip_ratio_high": 4e-4}, {"clip_ratio_low": 0.3}])
@pytest.mark.parametrize("aggregation", ["seq-mean-token-mean", "token-mean"])
def test_gspo_is_verls(seed, widths, aggregation):
    update = random_update(seed, spread=0.8)
    method = build("gspo", {**widths, "aggregation": aggregation})
    settings = method.settings
    theirs = verls(
        "gspo",
        update,
        aggregation,
        clip_ratio_low=settings.clip_ratio_low,
        clip_ratio_high=settings.clip_ratio_high,
    )
    assert_same(mean_loss(method, update), theirs, update)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("positive, negative", [(1.0, 1.05), (3.0, 0.5)])
def test_sapo_is_verls(seed, positive, negative):
    update = random_update(seed, spread=1.0)
    method = build("sapo", {"temperature_positive": positive, "temperature_negative": negative})
    assert_same(mean_loss(method, update), verls("sapo", update, "any", tau_pos=positive, tau_neg=negative), update)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("low, high", [(10.0, 0.2), (0.2, 0.28)])
def test_cispo_is_verls(seed, low, high):
    update = random_update(seed, spread=1.0)
    method = build("cispo", {"clip_ratio_low": low, "clip_ratio_high": high})
    theirs = verls("cispo", update, "token-mean", clip_ratio_low=low, clip_ratio_high=high)
    assert_same(mean_loss(method, update), theirs, update)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("aggregation", ["seq-mean-token-mean", "token-mean"])
def test_gpg_is_verls(seed, aggregation):
    update = random_update(seed, spread=1.0)
    assert_same(
        mean_loss(build("gpg", {"aggregation": aggregation}), update), verls("gpg", update, aggregation), update
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("low, high", [(0.4, 0.4), (0.1, 0.3)])
@pytest.mark.parametrize("variant", ["paper", "verl"])
def test_gmpo_is_verls_on_one_micro_batch(seed, low, high, variant):
    update = random_update(seed, spread=1.0)
    method = build("gmpo", {"clip_ratio_low": low, "clip_ratio_high": high, "variant": variant})
    theirs = verls("geo_mean", update, "any", clip_ratio_low=low, clip_ratio_high=high)
    assert_same(mean_loss(method, update), theirs, update)


def test_gmpo_verl_sums_the_means_of_the_micro_batches():
    method, update = build("gmpo", {"variant": "verl"}), random_update(1, spread=1.0)
    update = prepared(method, update)
    ours = sum(
        method.token_loss(part)[0][:, 0].sum() / 8 for part in (rows(update, slice(0, 2)), rows(update, slice(2, 8)))
    )
    theirs = sum(verls("geo_mean", rows(update, part), "any") for part in (slice(0, 2), slice(2, 8)))
    assert_same(ours, theirs, update)


COVARIANCE = {"covariance_low": 0.1, "covariance_high": 0.9, "clip_ratio_low": 0.2, "clip_ratio_high": 0.2}
VERLS_COVARIANCE = {"clip_cov_lb": 0.1, "clip_cov_ub": 0.9}


@pytest.mark.parametrize("seed", range(3))
def test_clip_cov_is_verls_where_every_candidate_is_zeroed(seed):
    update = random_update(seed, spread=0.5)
    method = build("clip_cov", {**COVARIANCE, "share": 1.0, "variant": "verl"})
    theirs = verls("clip_cov", update, "token-mean", {"clip_cov_ratio": 1.0, **VERLS_COVARIANCE}, clip_ratio=0.2)
    assert method.selected(update).sum() > 3
    assert_same(mean_loss(method, update), theirs, update)


def test_clip_cov_is_verls_with_the_same_random_choice(monkeypatch):
    """verl's permutation is replaced by one that begins with the tokens that we chose."""
    covariance = COVARIANCE | {"variant": "verl"}
    update, method = random_update(1, spread=0.5), build("clip_cov", {**covariance, "share": 0.05})
    every = build("clip_cov", {**covariance, "share": 1.0}).selected(update)
    chosen = method.selected(update)[every]
    assert chosen.sum() == max(int(0.05 * update.response_mask.sum()), 1) < every.sum()
    monkeypatch.setattr(torch, "randperm", lambda count: chosen.int().argsort(descending=True))
    theirs = verls("clip_cov", update, "token-mean", {"clip_cov_ratio": 0.05, **VERLS_COVARIANCE}, clip_ratio=0.2)
    assert_same(mean_loss(method, update), theirs, update)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share, coefficient, variant", [(2e-3, 1.0, "verl"), (0.2, 0.1, "verl"), (0.2, 0.1, "paper")])
def test_kl_cov_is_verls(seed, share, coefficient, variant):
    update = random_update(seed, spread=1.0)
    method = build("kl_cov", {"share": share, "coefficient": coefficient, "variant": variant})
    theirs = verls("kl_cov", update, "token-mean", {"kl_cov_ratio": share, "ppo_kl_coef": coefficient})
    assert_same(mean_loss(method, update), theirs, update)


def test_kl_penalty_is_verls():
    update = random_update(2, spread=1.0)
    theirs = core_algos.kl_penalty(update.log_prob, update.reference_log_prob, "low_var_kl")
    assert torch.equal(k3(update.log_prob, update.reference_log_prob), theirs)
    penalty = mean_loss(build("kl_penalty", {"coefficient": 0.5}), update) - mean_loss(build("grpo", {}), update)
    assert_same(penalty, 0.5 * theirs[update.response_mask].mean(), update)


def test_entropy_bonus_is_verls():
    update = random_update(2, spread=1.0)
    bonus = mean_loss(build("entropy_bonus", {"coefficient": 0.5}), update) - mean_loss(build("grpo", {}), update)
    assert_same(bonus, -0.5 * core_algos.compute_entropy_loss(update.logits, update.response_mask), update)


# -- against the formulas of released code, on one batch ----------------------------------------------------------


def test_archer_is_the_released_code():
    """Quantile per response of the current entropy, `<=` is low, each KL part averaged over its own mask."""
    update = random_update(3, spread=1.0)
    method = build("archer", {"low_coefficient": 0.3, "variant": "code"})
    mask, entropy = update.response_mask, update.entropy.detach()
    masked = torch.where(mask, entropy, torch.nan)
    low = (masked <= torch.nanquantile(masked, 0.8, dim=-1, keepdim=True)) & mask
    assert (mask.sum(-1) == 1).any()  # a response of one token, which is all low
    assert torch.equal(method.low(update), low) and (low | ~mask)[mask.sum(-1) == 1].all() and (mask & ~low).any()
    width = torch.where(low, 0.2, 0.5)
    ratio, advantages = (update.log_prob - update.old_log_prob).exp(), update.advantages
    loss = torch.maximum(-ratio * advantages, -torch.clamp(ratio, 1 - width, 1 + width) * advantages)
    loss = torch.where(advantages < 0, torch.minimum(loss, -10 * advantages), loss)
    kl = core_algos.kl_penalty(update.log_prob, update.reference_log_prob, "low_var_kl")
    assert_same(mean_loss(method, update), loss[mask].mean() + 0.3 * kl[low].mean(), update)


def test_archers_code_needs_a_mean_over_tokens():
    with pytest.raises(InputError, match="method_settings.archer.aggregation: .* needs token-mean or"):
        build("archer", {"variant": "code", "aggregation": "seq-mean-token-mean"})
    assert build("archer", {"aggregation": "seq-mean-token-mean"})  # eq. 5 of the paper


def test_ce_gppo_code_adds_the_likelihood_of_correct_responses():
    update = random_update(3, spread=1.0)
    code = build("ce_gppo", {"variant": "code", "aggregation": "token-mean"})
    added = mean_loss(code, update) - mean_loss(build("ce_gppo", {"dual_clip": 10.0}), update)
    correct = update.response_mask & update.correct[:, None]
    assert_same(added, -0.1 * update.log_prob[correct].mean(), update)


def test_ce_gppos_dual_clip_is_the_codes():
    """A < 0 at r = 12: the paper trusts it fully (§5.4), the code holds it at 10·A without gradient."""
    update = random_update(3)
    log_prob = (update.old_log_prob + np.log(12)).detach().requires_grad_()
    update = replace(update, log_prob=log_prob, advantages=torch.full_like(log_prob, -1.0))
    paper, code = (build("ce_gppo", {"variant": variant}).surrogate(update, 0.2, 0.2) for variant in ("paper", "code"))
    assert torch.allclose(paper, torch.tensor(-12.0).double()) and torch.allclose(code, torch.tensor(-10.0).double())
    assert (torch.autograd.grad(paper.sum(), log_prob, retain_graph=True)[0] == paper).all()
    assert not code.requires_grad or (torch.autograd.grad(code.sum(), log_prob)[0] == 0).all()


def test_entropic_is_the_released_code():
    update = random_update(3, spread=1.0, vocabulary=2, state={"error_sum": 4.0})
    method = build("entropic", {"likely": 0.7})
    entropy = update.entropy[update.response_mask].mean().item()
    control = min(max((entropy - 0.1) + 0.01 * (4.0 + entropy - 0.1), -1), 1)
    likely = update.response_mask & (update.log_prob > torch.tensor(0.7).log())
    added = control * (-update.ratio * update.advantages.abs())[likely].mean()
    assert 0 < likely.sum() < update.response_mask.sum() and abs(control) < 1
    assert_same(mean_loss(method, update), mean_loss(build("grpo", {}), update) + added, update)


@pytest.mark.parametrize("seed", range(3))
def test_tokens_held_by_the_dual_clip_are_counted_as_verl_counts_them(seed):
    update = random_update(seed, spread=1.5)
    method = build("grpo", {"dual_clip": 1.5})
    widths = {"clip_ratio": 0.2, "clip_ratio_low": 0.2, "clip_ratio_high": 0.2, "clip_ratio_c": 1.5}
    config = OmegaConf.create({**widths, "global_batch_info": {}})
    _, theirs = core_algos.compute_policy_loss_vanilla(
        update.old_log_prob, update.log_prob, update.advantages, update.response_mask, "token-mean", config
    )
    held = method.token_loss(update)[1]["clip_fraction_dual"][update.response_mask].double().mean()
    assert held > 0 and held.item() == pytest.approx(theirs["actor/pg_clipfrac_lower"])


@pytest.mark.parametrize("name", METHODS)
def test_tokens_held_by_the_dual_clip_have_no_gradient(name):
    """And are logged where the method's surrogate has a dual clip, and there only."""
    method = method_of(name)
    method.settings = method.settings.model_copy(update={"dual_clip": 1.01})
    update = prepared(method, update_for(name, 4, spread=1.5, responses=64))
    log_prob = update.log_prob.detach().requires_grad_()
    _, logged = method.token_loss(replace(update, log_prob=log_prob))
    assert ("clip_fraction_dual" in logged) == method.has_dual_clip
    if method.has_dual_clip:
        held = logged["clip_fraction_dual"] & update.response_mask
        surrogate = method.surrogate(replace(update, log_prob=log_prob), *method.clip_range(update))
        (gradient,) = torch.autograd.grad(surrogate.sum(), log_prob)
        assert held.any() and (gradient[held] == 0).all()


@pytest.mark.parametrize("name", METHODS)
def test_the_logged_clip_fraction_is_of_tokens_without_gradient(name):
    """A token that is logged as clipped gets no gradient from the surrogate."""
    method, update = method_of(name), update_for(name, 4, spread=0.8)
    update = prepared(method, update)
    widths = method.clip_range(update)
    clipped = method.clipped(update, *widths) & update.mask
    log_prob = update.log_prob.detach().requires_grad_()
    surrogate = method.surrogate(replace(update, log_prob=log_prob), *widths)
    if surrogate.requires_grad and clipped.any():
        (gradient,) = torch.autograd.grad(surrogate.sum(), log_prob)
        assert (gradient[clipped] == 0).all()
