"""Which tokens count, and over which denominator."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.methods import build
from stages.methods.clip_v import ClipV
from stages.rl.batch import rows
from tests.batches import entropy_of, log_prob_of, mean_loss, prepared, random_update

MASKED = ["psr", "nsr", "adv_pos_only", "adv_neg_only", "forking_tokens", "clip_b", "clip_v"]


@pytest.mark.parametrize("name", MASKED)
def test_the_denominator_counts_kept_tokens(name):
    method, update = build(name, {}), random_update(3, responses=16, spread=0.5)
    seen = prepared(method, update)
    loss, _ = method.token_loss(seen)
    assert 0 < seen.mask.sum() <= update.response_mask.sum()
    assert mean_loss(method, update).item() == pytest.approx(loss[seen.mask].mean().item())


def test_rows_and_signs():
    update = random_update(4, responses=16)
    seen = {name: prepared(build(name, {}), update).mask for name in ("psr", "nsr", "adv_pos_only", "adv_neg_only")}
    assert torch.equal(seen["psr"] | seen["nsr"], update.response_mask) and not (seen["psr"] & seen["nsr"]).any()
    assert torch.equal(seen["psr"].any(-1), update.correct)
    assert (update.advantages[seen["adv_pos_only"]] >= 0).all() and (update.advantages[seen["adv_neg_only"]] <= 0).all()
    zero = replace(update, advantages=torch.zeros_like(update.advantages))
    assert torch.equal(prepared(build("adv_pos_only", {}), zero).mask, update.response_mask)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("policy", ["current_policy", "old_policy"])
def test_forking_keeps_the_tokens_of_highest_entropy(share, policy):
    update = random_update(5, responses=16)
    seen = prepared(build("forking_tokens", {"share": share, "batch_statistics": policy}), update)
    entropy = (update.entropy if policy == "current_policy" else update.old_entropy).detach()
    kept, dropped = entropy[seen.mask], entropy[update.response_mask & ~seen.mask]
    assert len(kept) == int(share * update.response_mask.sum())
    assert not len(dropped) or kept.min() > dropped.max()


@settings(max_examples=30)
@given(share=st.floats(0.01, 1), length=st.integers(1, 4), seed=st.integers(0, 50))
def test_forking_always_keeps_a_token(share, length, seed):
    update = random_update(seed, responses=2, length=length)
    assert prepared(build("forking_tokens", {"share": share}), update).mask.any()


@pytest.mark.parametrize("seed", range(3))
def test_clip_b_against_a_second_calculation(seed):
    update = random_update(seed, responses=32, spread=0.5)
    mask, wrong = update.response_mask.numpy(), update.advantages.numpy() < 0
    log_prob, entropy = update.log_prob.detach().numpy(), update.entropy.detach().numpy()
    score = np.exp(log_prob) * (entropy + log_prob)
    limit = score[mask].mean() - 0.5 * score[mask].std(ddof=1)
    seen = prepared(build("clip_b", {"mu": 0.5}), update)
    dropped = mask & wrong & (score < limit)
    assert dropped.any() and np.array_equal(seen.mask.numpy(), mask & ~dropped)


def test_clip_v_expects_what_the_distribution_does():
    """E = Σ p·S over the vocabulary, by sampling every token of it in turn."""
    logits = torch.randn(5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    entropy, total = entropy_of(logits), torch.zeros(5, dtype=torch.float64)
    for token in range(7):
        log_prob = log_prob_of(logits, torch.full((5,), token))
        total += log_prob.exp() * log_prob.exp() * (entropy + log_prob)
    assert torch.allclose(ClipV().logit_terms(logits)["expected_score"], total)


def test_clip_v_masks_the_most_extreme_and_no_more_than_its_share():
    update = random_update(6, responses=64, spread=0.5)
    total = int(update.response_mask.sum())
    few = prepared(build("clip_v", {"mu": 0.5, "share": 3.5 / total}), update)
    many = prepared(build("clip_v", {"mu": 0.5, "share": 1.0}), update)
    gone_few, gone_many = update.response_mask & ~few.mask, update.response_mask & ~many.mask
    assert gone_few.sum() == 3 < gone_many.sum() and (gone_many | ~gone_few).all()
    excess = few.logit_terms["expected_score"] - update.log_prob.exp() * (update.entropy + update.log_prob)
    assert excess[gone_few].min() > excess[gone_many & ~gone_few].max()
    assert (update.advantages[gone_many] < 0).all()


@pytest.mark.parametrize("share", [0.0, 1e-6, 0.1])
def test_rand_pos_clip_draws_its_share_of_all_tokens(share):
    update = random_update(7, responses=32)
    method = build("rand_pos_clip", {"share": share})
    seen = prepared(method, update)
    zero = update.response_mask & (method.token_weight(seen) == 0)
    assert zero.sum() == int(share * update.response_mask.sum())
    assert (update.advantages[zero] > 0).all() and torch.equal(seen.mask, update.response_mask)


def test_rand_pos_clip_does_not_depend_on_the_order_of_responses():
    update = random_update(8, responses=32)
    order = torch.randperm(32, generator=torch.Generator().manual_seed(3))
    method = build("rand_pos_clip", {"share": 0.05})
    assert torch.equal(
        prepared(method, update).statistics["drawn"][order], prepared(method, rows(update, order)).statistics["drawn"]
    )


def test_a_mask_may_be_empty():
    update = random_update(9)
    nothing = replace(update, correct=torch.zeros(8, dtype=torch.bool))
    loss = mean_loss(build("psr", {}), nothing)
    (gradient,) = torch.autograd.grad(loss, update.logits)
    assert loss == 0 and (gradient == 0).all()
