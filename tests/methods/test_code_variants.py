"""The released-code variants, against that code's formulas over micro-batches.

The forks train on verl's older update_policy: each micro-batch's mean over its tokens, times its responses' share of the
mini-batch (`aggregation: micro-batch-token-mean`). Ours goes through the loss that verl calls.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from verl.trainer.ppo import core_algos
from verl.utils import tensordict_utils as tu

from stages.backend.loss import MethodLoss
from stages.common.files import InputError
from stages.methods import METHODS, build, class_of
from stages.methods.forking_tokens import ForkingTokens
from stages.methods.opefo import Opefo
from stages.rl.batch import TrainingStep, rows
from stages.rl.ratio import outside_clip
from stages.rl.selection import token_covariance
from tests.batches import combination, mean_loss, random_update, smoke_settings
from tests.methods.test_surrogates import verls

RESPONSES, LENGTH = 24, 12
PARTS = [slice(0, 8), slice(8, 20), slice(20, 24)]  # of different sizes, as with dynamic batches
PARTS_OF_RANKS = [slice(0, 12), slice(12, 20), slice(20, 24)]
CODE = {"variant": "code"}


def batch(seed=3, **changes):
    return random_update(seed, responses=RESPONSES, length=LENGTH, spread=0.8, **changes)


def ours(loss, update, parts=PARTS, ranks=1):
    """What verl sums over the micro-batches of a rank's share of the mini-batch `update`, and what was logged."""
    sizes = {"batch_num_tokens": int(update.response_mask.sum()), "global_batch_size": RESPONSES}
    data = tu.get_tensordict({}, {"dp_size": ranks, **sizes})
    found = [loss.loss(rows(update, part), data) for part in parts]
    logged = {name: sum(metrics[name].aggregate() for _, metrics in found) for name in found[0][1]}
    return sum(value for value, _ in found), logged


def released(loss_of_part, update, parts=PARTS):
    """Σ over micro-batches of its loss · its share of the responses."""
    return sum(loss_of_part(rows(update, part)) * len(update.response_mask[part]) / RESPONSES for part in parts)


def assert_same(value, expected, update):
    gradients = [torch.autograd.grad(loss, update.logits, retain_graph=True)[0] for loss in (value, expected)]
    assert value.item() == pytest.approx(expected.item(), abs=1e-7)
    assert gradients[0].abs().max() > 1e-3 and torch.allclose(*gradients, atol=1e-7)


def masked_mean(values, mask):
    return (values * mask).sum() / (mask.sum() + 1e-8)


def clipped(part, low, high, dual=None):
    ratio, advantages = (part.log_prob - part.old_log_prob).exp(), part.advantages
    loss = torch.maximum(-advantages * ratio, -advantages * torch.clamp(ratio, 1 - low, 1 + high))
    return loss if dual is None else torch.where(advantages < 0, torch.minimum(loss, -advantages * dual), loss)


def test_the_old_token_mean_is_verls_loss_a_micro_batch():
    update, loss = batch(), MethodLoss(build("grpo", {"aggregation": "micro-batch-token-mean"}), LENGTH)
    found, _ = ours(loss, update)
    # a dual clip of 1000 is none
    theirs = released(lambda part: verls("vanilla", part, "token-mean", clip_ratio=0.2, clip_ratio_c=1000.0), update)
    assert_same(found, theirs, update)
    assert abs(found - ours(MethodLoss(build("grpo", {}), LENGTH), update)[0]) > 1e-3


def forking(part):
    entropy, mask = part.entropy.detach()[part.response_mask], part.response_mask.clone()
    chosen = torch.zeros(len(entropy), dtype=torch.bool)
    chosen[entropy.topk(max(1, int(len(entropy) * 0.2 + 0.9999))).indices] = True
    mask[part.response_mask] = chosen
    return masked_mean(clipped(part, 0.2, 0.28, 10.0), mask)


def archer(part):
    mask, entropy = part.response_mask, torch.where(part.response_mask, part.entropy.detach(), torch.nan)
    low = (entropy <= torch.nanquantile(entropy, 0.8, dim=-1, keepdim=True)) & mask
    width = torch.where(low, 0.2, 0.5)
    kl = core_algos.kl_penalty(part.log_prob, part.reference_log_prob, "low_var_kl")
    return masked_mean(clipped(part, width, width, 10.0), mask) + 0.3 * masked_mean(kl, low)


def sent(part):
    """The tokens of low entropy; the extremes of their covariance, a tenth at either end."""
    places = part.response_mask.flatten().nonzero()[:, 0].numpy()
    entropy, advantages = part.entropy.detach().flatten().numpy(), part.advantages.flatten().numpy()
    log_prob = part.log_prob.detach().flatten().numpy()
    low = places[np.argsort(entropy[places])][: int(0.8 * len(places))]
    covariance = (advantages[low] - advantages[low].mean()) * (log_prob[low] - log_prob[low].mean())
    order, count = low[np.argsort(covariance)], max(1, int(0.1 * len(low)))
    factor = torch.zeros(part.response_mask.numel(), dtype=torch.float64)
    factor[order[:count]], factor[order[-count:]] = 0.5, 2.0
    log_ratio = part.log_prob - part.old_log_prob
    loss = -log_ratio.exp() * part.advantages + factor.view_as(log_ratio) * log_ratio.abs()
    return masked_mean(loss, part.response_mask)


def steer(part):
    probability, log_prob = part.log_prob.detach().exp(), part.log_prob.detach()
    weight = probability / part.old_log_prob.exp().clamp(1e-8, 1) * part.advantages
    change = (weight * (1 - probability) * (log_prob + part.old_entropy)).abs() * part.response_mask
    scale = -np.log(0.8) / max(change.max().item(), 0.02)
    return masked_mean((-scale * change).exp().clamp(0.8, 1) * clipped(part, 0.2, 0.28, 10.0), part.response_mask)


def ce_gppo(part):
    """The surrogate with the dual clip, and 0.1 of the likelihood of correct responses."""
    ratio, advantages = (part.log_prob - part.old_log_prob).exp(), part.advantages
    unit = ratio / ratio.detach()
    low, high = (advantages < 0) & (ratio < 0.8), (advantages > 0) & (ratio > 1.2)
    loss = torch.where(advantages < 0, torch.minimum(-ratio * advantages, -10 * advantages), -ratio * advantages)
    loss = torch.where(low, -0.75 * 0.8 * unit * advantages, loss)
    loss = torch.where(high, -1.2 * unit * advantages, loss)
    correct = part.response_mask & part.correct[:, None]
    return masked_mean(loss, part.response_mask) - 0.1 * masked_mean(part.log_prob, correct)


def dcpo(part):
    old = part.old_log_prob.exp()
    low = (1 + (1 - 4 * 0.2 / old).clamp(min=0).sqrt()) / 2
    high = ((1 + (1 + 4 * 0.28 / old).sqrt()) / 2).clamp(0, 10)
    return masked_mean(clipped(part, 1 - low, high - 1, 10.0), part.response_mask)


def ada_ent_reg(part):
    return masked_mean(clipped(part, 0.2, 0.2), part.response_mask) - 0.003 * masked_mean(
        part.entropy, part.response_mask
    )


def unlikeliness(part):
    kl = core_algos.kl_penalty(part.log_prob, part.reference_log_prob, "low_var_kl")
    return masked_mean(clipped(part, 0.2, 0.2), part.response_mask) + 0.1 * masked_mean(kl, part.response_mask)


def stare(part):
    """Over the micro-batch, the tenth of the tokens with A > 0 that are least likely counts 1.1; the entropy is below 9."""
    good = part.response_mask & (part.advantages > 0)
    places = good.flatten().nonzero()[:, 0]
    rarest = (-part.log_prob.detach().flatten()[places]).topk(int(len(places) * 0.1 + 0.999999)).indices
    weight = torch.ones(part.response_mask.numel(), dtype=torch.float64)
    weight[places[rarest]] = 1.1
    loss = weight.view_as(part.log_prob) * clipped(part, 0.2, 0.28, 10.0)
    return masked_mean(loss, part.response_mask)


RELEASED = {  # name -> settings beside the variant, the released formula; their aggregation and clip are the variant's
    "forking_tokens": ({}, forking),
    "archer": ({"low_coefficient": 0.3}, archer),
    "sent_released": ({"share": 0.1}, sent),
    "steer": ({}, steer),
    "ce_gppo": ({}, ce_gppo),
    "dcpo": ({}, dcpo),
    "ada_ent_reg": ({}, ada_ent_reg),
    "unlikeliness": ({}, unlikeliness),
    "stare": ({"target": 9.0}, stare),
}
LOOK_AT_THE_MICRO_BATCH = ("forking_tokens", "archer", "sent_released", "steer", "stare")


@pytest.mark.parametrize("name", RELEASED)
def test_code_is_the_released_code(name):
    settings, formula = RELEASED[name]
    method = build(name, settings | ({} if name == "sent_released" else {"variant": "code"}))
    update = batch(state={"coefficient": 0.003, "active": 1, "weight_positive": 1.1, "weight_negative": 0.9})
    found, _ = ours(MethodLoss(method, LENGTH), update)
    assert_same(found, released(formula, update), update)
    assert (method.batch_statistics == "micro_batch") == (name in LOOK_AT_THE_MICRO_BATCH)
    whole, _ = ours(MethodLoss(method, LENGTH), update, [slice(0, RESPONSES)])
    assert abs(whole - found) > 1e-5  # the micro-batch matters, as it did there


def test_one_token_that_the_released_dual_clip_holds():
    """A −1 and r 12: 80/20's code has verl's dual clip 10, its paper none."""
    update = replace(batch(), response_mask=torch.zeros(RESPONSES, LENGTH, dtype=torch.bool))
    update.response_mask[0, 0] = True
    update = replace(
        update,
        advantages=-update.response_mask.double(),
        old_log_prob=update.log_prob.detach() - np.log(12),
    )
    losses = {
        v: ours(MethodLoss(build("forking_tokens", {"variant": v}), LENGTH), update)[0] for v in ("paper", "code")
    }
    whole = slice(0, RESPONSES)  # one micro-batch, so that the token's weight is 1
    code, _ = ours(MethodLoss(build("forking_tokens", {"variant": "code"}), LENGTH), update, [whole])
    assert losses["paper"].item() == pytest.approx(12.0)
    assert code.item() == pytest.approx(10.0 / RESPONSES)  # of the responses, one has a token


@pytest.mark.parametrize("variant", ["verl", "code"])
def test_kl_cov_is_verls_loss(variant):
    """In verl the mean is the mini-batch's, with a tenth of the coefficient; in the released code the micro-batch's."""
    update, method = batch(), build("kl_cov", {"variant": variant, "share": 0.1})
    settings = {"kl_cov_ratio": 0.1, "ppo_kl_coef": 0.1 if variant == "verl" else 1.0}
    parts = [rows(update, part) for part in PARTS]
    losses = [verls("kl_cov", part, "token-mean", settings) for part in parts]
    shares = [part.response_mask.sum() / update.response_mask.sum() for part in parts]
    if variant == "code":
        shares = [len(part.response_mask) / RESPONSES for part in parts]
    theirs = sum(share * loss for share, loss in zip(shares, losses, strict=True))
    assert_same(ours(MethodLoss(method, LENGTH), update)[0], theirs, update)


def test_clip_cov_brings_the_clip_and_the_mean_of_its_source():
    for variant, width, aggregation in (("verl", 0.2, "token-mean"), ("code", 1.0, "micro-batch-token-mean")):
        settings = build("clip_cov", {"variant": variant}).settings
        assert (settings.clip_ratio_low, settings.clip_ratio_high, settings.aggregation) == (width, width, aggregation)


@pytest.mark.parametrize("name, variant", [(n, v) for n in METHODS for v in class_of(n).Settings.variant_defaults])
def test_what_a_run_sets_wins_over_what_its_variant_brings(name, variant):
    chosen = {"aggregation": "token-mean"}
    chosen |= {} if "clip_ratio_low" in class_of(name).unread else {"clip_ratio_low": 0.11}
    settings = build(name, smoke_settings(name) | chosen | {"variant": variant}).settings
    assert settings.model_dump() | chosen == settings.model_dump()
    assert type(settings)(**settings.model_dump()) == settings  # a plan holds them all, and gives the same method


def test_clip_cov_zeroes_within_the_micro_batch():
    """As many as the share of the part's tokens, all within the bounds of the part's own covariance; they get no gradient."""
    settings = {
        "share": 0.1,
        "covariance_low": 0.1,
        "covariance_high": 0.9,
        "clip_ratio_low": 0.2,
        "clip_ratio_high": 0.2,
    }
    update = batch()
    method = build("clip_cov", settings | {"variant": "code"})
    found, logged = ours(MethodLoss(method, LENGTH), update)
    zeroed = torch.cat([method.selected(rows(update, part)) for part in PARTS])
    for part in PARTS:
        own = rows(update, part)
        covariance = token_covariance(own.advantages, own.log_prob, own.response_mask)[zeroed[part]]
        assert 0 < zeroed[part].sum() <= max(int(0.1 * own.response_mask.sum()), 1)
        assert (covariance > 0.1).all() and (covariance < 0.9).all()
    update = replace(update, mask=zeroed)  # a place in which rows() carries it to the parts
    expected = released(lambda part: masked_mean(clipped(part, 0.2, 0.2) * ~part.mask, part.response_mask), update)
    assert_same(found, expected, update)
    by_ppo = outside_clip(update, 0.2, 0.2) & update.response_mask
    share = ((by_ppo & (update.advantages != 0)) | zeroed).sum() / update.response_mask.sum()
    assert not (by_ppo & zeroed).any()
    assert logged["clip_fraction_high"] + logged["clip_fraction_low"] == pytest.approx(share.item())


def test_forking_with_the_token_mean_of_the_mini_batch():
    """Kept tokens stand for their micro-batch, which weighs as much as its tokens."""
    update, method = batch(), build("forking_tokens", {"variant": "code", "aggregation": "token-mean"})
    total = update.response_mask.sum()
    expected = sum(forking(part) * part.response_mask.sum() / total for part in (rows(update, part) for part in PARTS))
    assert_same(ours(MethodLoss(method, LENGTH), update)[0], expected, update)


def entropic(part, state, size):
    """The released loss of one micro-batch; `state` is its actor's accumulate_entropy_error."""
    h = masked_mean(part.entropy, part.response_mask).item()
    control = np.clip(state[0] * 0.2 + (h - 0.4) * 0.3, -1.0, 1.0)
    state[0] += (h - 0.4) * len(part.response_mask) / size
    likely = part.response_mask * (part.log_prob > torch.log(torch.tensor(0.5)))
    added = control * masked_mean(-(part.log_prob - part.old_log_prob).exp() * part.advantages.abs(), likely)
    return masked_mean(clipped(part, 0.2, 0.2, 3.0), part.response_mask) + added, control


def test_entropic_code_counts_as_the_released_actor_does():
    """Two updates a step, two steps: the sum goes on within the micro-batches, the updates and the steps."""
    own = {"target": 0.4, "proportional_gain": 0.3, "integral_gain": 0.2, "likely": 0.5}
    method = build("entropic", own | CODE)
    loss, state, actor, controls = MethodLoss(method, LENGTH), method.initial_state(), [0.0], []
    for step in (1, 2):
        accumulated = []
        for seed in (10 * step, 10 * step + 1):
            update = batch(seed, vocabulary=3)
            update = replace(update, training_step=TrainingStep(step, 2, state))
            found, logged = ours(loss, update)
            expected = 0.0
            for part in PARTS:
                value, control = entropic(rows(update, part), actor, RESPONSES)
                expected = expected + value * len(update.response_mask[part]) / RESPONSES
                controls.append(control)
            assert_same(found, expected, update)
            accumulated.append(logged["error_sum"])
        responses = replace(update, training_step=TrainingStep(step, 2, state))
        state = method.update_state(responses, {"entropy": 9.0, "error_sum": np.mean(accumulated) * 2})
        assert state["error_sum"] == pytest.approx(actor[0])
    assert len(set(controls)) == len(controls) and max(map(abs, controls)) < 1


def test_ranks_count_apart_and_their_mean_is_the_mini_batchs():
    """verl takes the mean over ranks: each counts its own half of the mini-batch in full."""
    method = build("entropic", {"target": 0.4, "likely": 0.5} | CODE)
    update, halves = batch(vocabulary=3, state=method.initial_state()), [[slice(0, 12)], [slice(12, 20), slice(20, 24)]]
    ranks = [ours(MethodLoss(method, LENGTH), update, half, ranks=2)[1]["error_sum"] for half in halves]
    errors = [rows(update, part).entropy[update.response_mask[part]].mean().item() - 0.4 for part in PARTS_OF_RANKS]
    assert np.mean(ranks) == pytest.approx(np.dot(errors, [12 / 24, 8 / 24, 4 / 24]))


def cw_grpo(part):
    """compute_loss of the released trainer, on one micro-batch."""
    mask = part.response_mask.double()
    mean = (part.log_prob * mask).sum(1, keepdim=True) / (mask.sum(1, keepdim=True) + 1e-8)
    advantages = part.advantages[:, 0]
    cov = (part.log_prob - mean) * mask * (advantages - advantages.mean())[:, None]
    sigma = cov[mask == 1].std(unbiased=False) + 1e-8
    weights = torch.exp(-(cov**2) / (2 * sigma**2)) * mask
    weights = weights * mask[:, : int(mask.sum(1).max())].numel() / weights.sum()
    kl = torch.exp(part.reference_log_prob - part.log_prob) - (part.reference_log_prob - part.log_prob) - 1
    ratio = torch.exp(part.log_prob - part.log_prob.detach())
    loss = -(weights * ratio * advantages[:, None] - 0.04 * kl)
    return ((loss * mask).sum(1) / mask.sum(1)).mean()


def test_cw_grpo_code_is_the_released_code():
    """On-policy, as it trains. The weight has a gradient, and real tokens weigh more than 1 on average."""
    update, method = batch(), build("cw_grpo", {"variant": "code"})
    advantages = torch.linspace(-1, 2, RESPONSES).double()[:, None] * update.response_mask
    update = replace(update, old_log_prob=update.log_prob.detach(), advantages=advantages)
    found, _ = ours(MethodLoss(method, LENGTH), update)
    assert_same(found, released(cw_grpo, update), update)
    assert method.reference == "initial" and method.settings.updates_per_step == 1
    weight = method.token_weight(rows(update, PARTS[0]))[update.response_mask[PARTS[0]]]
    assert weight.requires_grad and weight.mean() > 1
    paper = torch.autograd.grad(mean_loss(build("cw_grpo", {}), update), update.logits, retain_graph=True)[0]
    assert not torch.allclose(torch.autograd.grad(found, update.logits)[0], paper, atol=1e-4)


def test_a_micro_batch_without_tokens_counts_nothing():
    update = batch()
    empty = replace(update, response_mask=torch.zeros_like(update.response_mask), mask=torch.zeros_like(update.mask))
    for name, variant in (("forking_tokens", "code"), ("entropic", "code"), ("steer", "code"), ("kl_cov", "verl")):
        method = build(name, {"variant": variant})
        whole = replace(empty, training_step=TrainingStep(1, 2, method.initial_state()))
        assert ours(MethodLoss(method, LENGTH), whole, [slice(0, 8)])[0] == 0


def test_statistics_of_a_micro_batch_are_the_current_policys():
    with pytest.raises(
        InputError, match="method_settings.steer.batch_statistics: this variant takes its statistics of the"
    ):
        build("steer", {"variant": "code", "batch_statistics": "old_policy"})


def test_a_step_counts_from_the_state_it_was_given():
    """A worker that has counted in an earlier step, or in none, gives the same."""
    method = build("entropic", {"target": 0.4, "integral_gain": 0.2, "likely": 0.5} | CODE)
    used, fresh = MethodLoss(method, LENGTH), MethodLoss(method, LENGTH)
    ours(used, replace(batch(1, vocabulary=3), training_step=TrainingStep(1, 9, {"error_sum": 0.0})))
    update = replace(batch(2, vocabulary=3), training_step=TrainingStep(2, 9, {"error_sum": 0.7}))
    assert ours(used, update)[0].item() == ours(fresh, update)[0].item()


def test_statistics_of_micro_batches_and_of_mini_batches_do_not_combine():
    both = combination(ForkingTokens, Opefo)
    assert both(both.Settings(variant="paper")).batch_statistics == "current_policy"
    said = "variant: this one of forking_tokens takes its statistics of the micro-batch and opefo of the mini-batch"
    with pytest.raises(ValueError, match=said):
        both(both.Settings(variant="code"))
