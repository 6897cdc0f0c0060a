"""Gradients with respect to the logits of a small softmax, against what the papers derive."""

import math
from dataclasses import replace

import pytest
import torch

from stages.methods import METHODS, build, class_of
from stages.rl.batch import TrainingStep
from tests.batches import mean_loss, random_update

# Name -> weight of a token's policy gradient, d objective / d log p, from r, A, the update and the settings. Written from
# the formulas; `inside` is PPO's: False where the clip removes the gradient.


def inside(r, a, low, high):
    return torch.where(a > 0, r <= 1 + high, (r >= 1 - low) | (a == 0))


def gspo(r, a, u, s):
    mean_log = torch.where(u.response_mask, r.log(), 0).sum(-1) / u.response_mask.sum(-1)
    ratio = mean_log.exp()[:, None].expand_as(r)
    return inside(ratio, a, s.clip_ratio_low, s.clip_ratio_high) * ratio * a


def sapo(r, a, u, s):
    tau = torch.where(a > 0, s.temperature_positive, s.temperature_negative)
    gate = torch.sigmoid(tau * (r - 1))
    return 4 * gate * (1 - gate) * r * a


def gmpo(r, a, u, s):
    log_ratio = r.log()
    kept = torch.where(a > 0, log_ratio <= s.clip_ratio_high, log_ratio >= -s.clip_ratio_low)
    held = torch.where(a > 0, log_ratio.clamp(max=s.clip_ratio_high), log_ratio.clamp(min=-s.clip_ratio_low))
    mean = torch.where(u.response_mask, held, 0).sum(-1) / u.response_mask.sum(-1)
    return kept * mean.exp()[:, None] * a


def ce_gppo(r, a, u, s):
    low, high = (a < 0) & (r < 1 - s.clip_ratio_low), (a > 0) & (r > 1 + s.clip_ratio_high)
    weight = torch.where((a < 0) & (r > s.dual_clip), 0, r)
    weight = torch.where(low, s.weight_low * (1 - s.clip_ratio_low), weight)
    return torch.where(high, s.weight_high * (1 + s.clip_ratio_high), weight) * a


def ppo(r, a, u, s):
    return inside(r, a, s.clip_ratio_low, s.clip_ratio_high) * r * a


def rlrt(r, a, u, s):
    w = ((u.old_log_prob - u.reference_log_prob).exp() ** a.sign()).clamp(1 - s.weight_width, 1 + s.weight_width)
    return ppo(r, a, u, s) * torch.where(u.correct[:, None], 0.5 + 0.5 * w, 1.0)


def flexible_falling(r, a, u, s):
    """decrease_increase_decrease at k = 8 of 10: λ = −0.6."""
    p = u.log_prob.exp()
    return inside(r, a, 0.4 * (0.3 - 0.13 * p) + 0.6 * 0.2, 0.5 - 0.25 * p) * r * a


def opefo(r, a, u, s):
    p, log_p = u.old_log_prob.exp(), u.old_log_prob
    change = torch.where(u.response_mask, -a * (1 - p) ** 2 * (log_p + u.old_entropy), 0)
    up, down = change[change > 0].sum(), -change[change < 0].sum()
    balance = (down - up) / (down + up)
    return ppo(r, a, u, s) * torch.where(change > 0, 1 + balance, torch.where(change < 0, 1 - balance, 1.0))


def clip_cov(r, a, u, s):
    mean_a, mean_log = a[u.response_mask].mean(), u.log_prob[u.response_mask].mean()
    covariance = (a - mean_a) * (u.log_prob - mean_log)
    zeroed = (covariance > s.covariance_low) & (covariance < s.covariance_high)  # all of them: the share is 1
    return ppo(r, a, u, s) * ~zeroed


def k3_slope(u):
    """1 − π_ref/π, and 0 where the estimate is held at 10."""
    ratio = (u.reference_log_prob - u.log_prob).exp()
    return torch.where(ratio - ratio.log() - 1 > 10, 0, 1 - ratio)


def kl_penalty(r, a, u, s, coefficient):
    return ppo(r, a, u, s) - coefficient * k3_slope(u)


def steer(r, a, u, s):
    p, log_p = u.log_prob.exp(), u.log_prob
    kept = inside(r, a, 0.2, 0.28)
    change = torch.where(u.response_mask, (kept * r * a * (1 - p) * (log_p + u.entropy)).abs(), 0)
    return torch.exp(math.log(0.7) * change / change.max()) * kept * ((a >= 0) | (r <= 10)) * r * a


def flexible_rising(r, a, u, s):
    """increase_decrease at k = 2 of 10: λ = 0.6."""
    return inside(r, a, 0.2, 0.6 * (0.5 - 0.25 * u.log_prob.exp()) + 0.4 * 0.2) * r * a


def dcpo(r, a, u, s):
    q = u.old_log_prob.exp()
    low, high = 0.5 + 0.5 * (1 - 0.64 / q).clamp(min=0).sqrt(), 0.5 + 0.5 * (1 + 0.8 / q).sqrt()
    return torch.where(a > 0, r <= high.clamp(max=10), (r >= low) & (r <= 10)) * r * a


def grpo_s(r, a, u, s):
    """The mean of r over the response has 1/length of each token's gradient, as the aggregation's own mean has."""
    mean = torch.where(u.response_mask, r, 0).sum(-1, keepdim=True) / u.response_mask.sum(-1, keepdim=True)
    return inside(mean, a, 0.2, 0.28) * r * a


def cw_grpo(r, a, u, s):
    covariance = (a - a[u.response_mask].mean()) * (u.log_prob - u.log_prob[u.response_mask].mean())
    weight = torch.exp(-(covariance**2) / (2 * covariance[u.response_mask].var()))
    return weight / weight[u.response_mask].mean() * ppo(r, a, u, s)


def archer(r, a, u, s):
    entropy = torch.where(u.response_mask, u.entropy, torch.nan)
    low = entropy < torch.nanquantile(entropy, 0.8, dim=-1, keepdim=True)
    width = torch.where(low, 0.2, 0.5)
    return inside(r, a, width, width) * ((a >= 0) | (r <= 10)) * r * a - s.low_coefficient * low * k3_slope(u)


def entropic(r, a, u, s):
    error = u.entropy[u.response_mask].mean() - 0.1
    control = (error + 0.01 * (error + u.training_step.state["error_sum"])).clamp(-1, 1)
    likely = u.log_prob.exp() > s.likely
    return ppo(r, a, u, s) + control * likely * u.response_mask.sum() / (likely & u.response_mask).sum() * r * a.abs()


def sent(r, a, u, s):
    covariance = (a - a[u.response_mask].mean()) * (u.log_prob - u.log_prob[u.response_mask].mean())
    beta = torch.where(covariance > 0.1, 0.3, 0.2) * (u.entropy < 1.2)
    return ppo(r, a, u, s) - beta * k3_slope(u)


def sent_released(r, a, u, s):
    """One token at each end, since 2e-4 of them is none."""
    places = u.response_mask.flatten().nonzero()[:, 0]
    low = places[u.entropy.flatten()[places].argsort()][: int(0.8 * len(places))]
    log_p, gain = u.log_prob.flatten()[low], a.flatten()[low]
    covariance = (gain - gain.mean()) * (log_p - log_p.mean())
    factor = torch.zeros(a.numel(), dtype=a.dtype)
    factor[low[covariance.argmax()]], factor[low[covariance.argmin()]] = 2.0, 0.5
    return r * a - factor.view_as(a) * (r - 1).sign()


def entropy_adv(r, a, u, s):
    return ppo(r, a + torch.minimum(0.4 * u.entropy, a.abs() / 2), u, s)


def dual(r, a, u, s):
    return ppo(r, a, u, s) * ((a >= 0) | (r <= 10))


def within(r, a, u, s):
    """ABC-GRPO: both bounds for every sign of A."""
    kept = torch.where(
        a > 0,
        (r <= 1 + s.clip_ratio_high) & (r >= 1 - s.clip_ratio_low),
        (r <= 1 + s.negative_clip_high) & (r >= 1 - s.negative_clip_low),
    )
    return kept * r * a


def bapo(r, a, u, s):
    """The released search, which asks for the quotient of the positive and the negative contributions."""

    def quotient(low, high):
        held = torch.where(a >= 0, torch.minimum(r, torch.tensor(high)), torch.maximum(r, torch.tensor(low)))
        contribution = held * a * u.response_mask
        return contribution.clamp(min=0).sum() / ((-contribution.clamp(max=0)).sum() + 1e-8)

    low, high, target = s.lower_start, s.upper_start, s.positive_share / (1 - s.positive_share)
    while quotient(low, high) < target and low < s.lower_max:
        low = min(low + s.lower_step, s.lower_max)
    while quotient(low, high) < target and high < s.upper_max:
        high = min(high + s.upper_step, s.upper_max)
    assert s.lower_start < low and s.upper_start < high  # both searches took a step
    return inside(r, a, 1 - low, high - 1) * ((a >= 0) | (r <= 3)) * r * a


def dppo(r, a, u, s):
    ratio, change = (u.log_prob - u.engine_log_prob).exp(), u.log_prob.exp() - u.engine_log_prob.exp()
    dropped = torch.where(a > 0, change > 0.05, (a < 0) & (change < -0.05))
    return ratio * a * ~dropped - 2 * 0.3 * ratio.log()


def vespo(r, a, u, s):
    whole = torch.where(u.response_mask, r, 1).prod(-1, keepdim=True)
    power, decay = torch.where(a >= 0, 2, 3), torch.where(a >= 0, 3, 2)
    return whole**power * torch.exp(decay * (1 - whole)) * a


def stare(r, a, u, s):
    weight = torch.ones_like(a)
    for sign, value in ((1, 1.3), (-1, 0.7)):
        members = u.response_mask & (a * sign > 0)
        count = math.ceil(0.3 * int(members.sum()))
        weight[members & (u.log_prob <= u.log_prob[members].sort().values[count - 1])] = value
    return weight * dual(r, a, u, s)


def repo_r(r, a, u, s):
    return ppo(r, a, u, s) * torch.where(a > 0, 1 - 0.4 * u.log_prob, (1 + 0.4 * u.log_prob).clamp(min=0))


def prorl(r, a, u, s):
    weight = (u.old_log_prob - u.engine_log_prob).exp()
    kept = (weight >= s.weight_min) & (weight <= s.weight_max)
    return weight * kept * ppo(r, a, u, s) - 0.3 * (u.log_prob - u.reference_log_prob)


SENT = {"entropy_threshold": 1.2, "covariance_threshold": 0.1, "coefficient_low": 0.2, "coefficient_high": 0.3}
CASES = [
    ("grpo", {}, ppo),
    ("clip_higher", {}, ppo),
    ("clip_lower", {}, ppo),
    ("clip_tighter", {}, ppo),
    ("clip_free", {}, lambda r, a, u, s: r * a),
    ("dapo", {}, ppo),
    ("cure", {}, dual),
    ("gtpo", {}, ppo),
    ("decomposing", {}, ppo),
    ("dcpo", {}, dcpo),
    ("gspo", {"clip_ratio_low": 0.1, "clip_ratio_high": 0.1}, gspo),
    ("grpo_s", {}, grpo_s),
    ("sapo", {}, sapo),
    ("cispo", {}, lambda r, a, u, s: r.clamp(max=1.2) * a),
    ("gmpo", {"clip_ratio_low": 0.2, "clip_ratio_high": 0.2}, gmpo),
    ("gpg", {}, lambda r, a, u, s: a),
    ("entropy_adv", {}, entropy_adv),
    ("clip_cov", {"share": 1.0, "covariance_low": 0.1, "covariance_high": 0.9}, clip_cov),
    ("kl_cov", {"share": 1.0, "coefficient": 0.3}, lambda r, a, u, s: r * a - 0.3 * (r - 1).sign()),
    ("sent", SENT, sent),
    ("sent_released", {}, sent_released),
    ("ce_gppo", {"dual_clip": 1.5}, ce_gppo),
    ("nsr_rescue", {"noise": 0.0}, ppo),
    ("kl_penalty", {"coefficient": 0.3}, lambda r, a, u, s: kl_penalty(r, a, u, s, 0.3)),
    ("unlikeliness", {}, lambda r, a, u, s: kl_penalty(r, a, u, s, 0.1)),
    ("archer", {"low_coefficient": 0.3}, archer),
    ("entropic", {"likely": 0.5}, entropic),
    ("steer", {}, steer),
    ("rloo_steer", {}, steer),
    ("opo_steer", {}, steer),
    ("par", {"variant": "constant", "initial_weight": 0.3}, lambda r, a, u, s: (
        ppo(r, a, u, s) * torch.where(a > 0, 0.3, 1.0))),
    ("intervention", {"factor": -1.0}, lambda r, a, u, s: ppo(r, a, u, s) * torch.where(a > 0, -1, 1)),
    (
        "intervention",
        {"sign": "negative", "probability_below": 0.5},
        lambda r, a, u, s: ppo(r, a, u, s) * ~((a < 0) & (u.old_log_prob.exp() < 0.5)),
    ),
    ("intervention", {"sign": "any", "probability_from": 0.5}, lambda r, a, u, s: ppo(r, a, u, s) * (u.old_log_prob.exp() < 0.5)),
    ("rand_pos_clip", {"share": 1.0}, lambda r, a, u, s: ppo(r, a, u, s) * (a <= 0)),
    ("cw_grpo", {}, cw_grpo),
    ("flexible", {"variant": "decrease_increase_decrease"}, flexible_falling),
    ("opefo", {}, opefo),
    ("rlrt", {}, rlrt),
    ("abc_grpo", {"clip_ratio_low": 0.3, "negative_clip_high": 0.4, "negative_clip_low": 0.1}, within),
    ("bapo", {"lower_max": 0.7, "positive_share": 0.7}, bapo),
    ("dppo", {"bound_low": 0.05, "bound_high": 0.05, "coefficient": 0.3}, dppo),
    ("vespo", {}, vespo),
    ("luspo", {"clip_ratio_low": 0.1, "clip_ratio_high": 0.1}, lambda r, a, u, s: (
        gspo(r, a, u, s) * u.response_length[:, None])),
    ("stare", {"share": 0.3, "sides": "both_sides"}, stare),
    ("repo_r", {}, repo_r),
    ("prorl", {"kl_coefficient": 0.3, "weight_min": 0.9, "weight_max": 1.2}, prorl),
    ("qae", {}, ppo),
]  # fmt: skip


# Name -> the tokens that count, in the denominator too.


def highest(values, mask, share):
    """[B, T] the `share` of the True tokens of `mask` with the highest `values`."""
    kept = torch.zeros_like(mask)
    kept[mask] = values[mask] >= values[mask].sort().values[len(values[mask]) - int(share * mask.sum())]
    return kept


def score(u):
    return u.log_prob.exp() * (u.entropy + u.log_prob)


def clip_b(u):
    values = score(u)[u.response_mask]
    return ~((score(u) < values.mean() - 0.5 * values.std()) & (u.advantages < 0))


def clip_v(u):
    """All that are extreme: the share is 1."""
    probability = u.logits.softmax(-1)
    expected = (probability**2 * (u.entropy[..., None] + probability.log())).sum(-1)
    excess = expected - score(u)
    return ~((excess > 0.5 * excess[u.response_mask].std()) & (u.advantages < 0))


KEPT = [
    ("forking_tokens", {}, lambda u: highest(u.entropy, u.response_mask, 0.2)),
    ("clip_b", {"mu": 0.5}, clip_b),
    ("clip_v", {"mu": 0.5, "share": 1.0}, clip_v),
    ("adv_pos_only", {}, lambda u: u.advantages >= 0),
    ("adv_neg_only", {}, lambda u: u.advantages <= 0),
    ("psr", {}, lambda u: u.rewards[:, None] > 0),
    ("nsr", {}, lambda u: u.rewards[:, None] == 0),
]


def gradients(method, update):
    return torch.autograd.grad(mean_loss(method, update), update.logits, retain_graph=True)[0]


OVER_TOKENS = ("token-mean", "micro-batch-token-mean")  # the same where there is one micro-batch


def policy_gradient(weight, update, mask, aggregation):
    """−weight·(onehot − π), averaged as `aggregation` says: the gradient of the loss with respect to the logits."""
    share = mask / mask.sum() if aggregation in OVER_TOKENS else mask / mask.sum(-1, keepdim=True) / len(mask)
    one_hot = torch.nn.functional.one_hot(update.token_ids, update.logits.shape[-1])
    return -(weight * share)[..., None] * (one_hot - update.logits.detach().softmax(-1))


@pytest.mark.parametrize("name, settings, weight", CASES, ids=[case[0] for case in CASES])
@pytest.mark.parametrize("step", [2, 8])
def test_gradient_on_the_logits(name, settings, weight, step):
    if name == "flexible" and step == 2:
        settings, weight = {}, flexible_rising
    state = {"error_sum": 0.5, "weight_positive": 1.3, "weight_negative": 0.7, "zeta": 0.4, "target": 0.0}
    update = replace(random_update(4, spread=0.9), training_step=TrainingStep(step, 10, state, 17, entropy=0.1))
    method = build(name, settings)
    with torch.no_grad():
        ratio = (update.log_prob - update.old_log_prob).exp()
        token_weight = weight(ratio, update.advantages, update, method.settings)
        expected = policy_gradient(token_weight, update, update.response_mask, method.settings.aggregation)
    assert torch.allclose(gradients(method, update), expected, atol=1e-12)


@pytest.mark.parametrize("name, settings, kept", KEPT, ids=[case[0] for case in KEPT])
def test_gradient_on_the_logits_of_the_tokens_that_count(name, settings, kept):
    update, method = random_update(4, spread=0.9), build(name, settings)
    with torch.no_grad():
        mask = kept(update) & update.response_mask
        ratio = (update.log_prob - update.old_log_prob).exp()
        weight = ppo(ratio, update.advantages, update, method.settings)
        expected = policy_gradient(weight, update, mask, method.settings.aggregation)
    assert 0 < mask.sum() < update.response_mask.sum()
    assert torch.allclose(gradients(method, update), expected, atol=1e-12)


ENTROPY = [
    ("entropy_bonus", {"coefficient": 0.2}),
    ("ada_ent_reg", {"target": 9.0}),
    ("ada_ent_reg", {"variant": "code"}),
]


@pytest.mark.parametrize("name, settings", ENTROPY)
def test_gradient_of_the_entropy_bonus(name, settings):
    """dH/dz = −π(log π + H)."""
    update = random_update(4, spread=0.9, state={"coefficient": 0.2, "active": 1})
    added = gradients(build(name, settings), update) - gradients(build("grpo", {}), update)
    probability = update.logits.detach().softmax(-1)
    slope = -probability * (probability.log() + update.entropy.detach()[..., None])
    share = update.response_mask[..., None] / update.response_mask.sum()
    assert torch.allclose(added, -0.2 * slope * share, atol=1e-12)


def test_gradient_of_the_clamped_entropy():
    """AEnt drops the two lowest of seven logits: dH_c/dz is as dH/dz among the five kept, and 0 for the two."""
    update = random_update(4, spread=0.9, state={"coefficient": 0.2})
    method = build("aent", {"entropy_low": 0.1, "entropy_high": 0.3})
    added = gradients(method, update) - gradients(build("grpo", {}), update)
    logits = update.logits.detach()
    kept = logits >= logits.sort(-1).values[..., 2:3]
    probability = logits.masked_fill(~kept, -torch.inf).softmax(-1)
    log_prob = torch.where(kept, probability, 1).log()
    entropy = -(probability * log_prob).sum(-1, keepdim=True)
    assert (kept.sum(-1) == 5).all()
    assert torch.allclose(update.logit_terms["clamped_entropy"], entropy[..., 0])
    share = update.response_mask[..., None] / update.response_mask.sum()
    assert torch.allclose(added, 0.2 * share * probability * (log_prob + entropy), atol=1e-12)


def test_every_method_that_changes_the_loss_is_above():
    """What only samples, rewards or schedules differently has the gradient of the method that it is based on."""
    elsewhere = {"rollout", "reward", "advantage", "aggregation", "update schedule", "controller"}
    changing = {name for name in METHODS if set(class_of(name).changed_hooks()) - elsewhere}
    # above, in test_recent_methods.py, and in test_self_distillation.py
    elsewhere_in_full = {"aent", "simko", "era", "grpo_dropout", "rlsd", "sdpo"}
    assert changing == {case[0] for case in [*CASES, *KEPT, *ENTROPY]} - {"grpo"} | elsewhere_in_full
