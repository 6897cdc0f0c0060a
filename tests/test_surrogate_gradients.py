"""Gradients with respect to the logits of a small softmax, against what the papers derive."""

from dataclasses import replace

import pytest
import torch

from stages.methods import build
from stages.surrogate.batch import Progress
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
    change = torch.where(u.response_mask, -a * p * (1 - p) * (log_p + u.old_entropy), 0)
    up, down = change[change > 0].sum(), -change[change < 0].sum()
    balance = (down - up) / (down + up)
    return ppo(r, a, u, s) * torch.where(change > 0, 1 + balance, torch.where(change < 0, 1 - balance, 1.0))


def clip_cov(r, a, u, s):
    mean_a, mean_log = a[u.response_mask].mean(), u.log_prob[u.response_mask].mean()
    covariance = (a - mean_a) * (u.log_prob - mean_log)
    zeroed = (covariance > s.covariance_low) & (covariance < s.covariance_high)  # all of them: the share is 1
    return ppo(r, a, u, s) * ~zeroed


def kl_penalty(r, a, u, s):
    ratio = (u.reference_log_prob - u.log_prob).exp()
    capped = ratio - ratio.log() - 1 > 10
    return ppo(r, a, u, s) - s.coefficient * torch.where(capped, 0, 1 - ratio)


CASES = [
    ("gspo", {"clip_ratio_low": 0.1, "clip_ratio_high": 0.1}, gspo),
    ("sapo", {}, sapo),
    ("cispo", {}, lambda r, a, u, s: r.clamp(max=1.2) * a),
    ("gmpo", {"clip_ratio_low": 0.2, "clip_ratio_high": 0.2}, gmpo),
    ("clip_cov", {"share": 1.0, "covariance_low": 0.1, "covariance_high": 0.9}, clip_cov),
    ("kl_cov", {"share": 1.0, "coefficient": 0.3}, lambda r, a, u, s: r * a - 0.3 * (r - 1).sign()),
    ("kl_penalty", {"coefficient": 0.3}, kl_penalty),
    ("ce_gppo", {"dual_clip": 1.5}, ce_gppo),
    ("clip_lower", {}, ppo),
    ("clip_tighter", {}, ppo),
    ("clip_free", {}, lambda r, a, u, s: r * a),
    ("par", {"variant": "constant", "initial_weight": 0.3}, lambda r, a, u, s: (
        ppo(r, a, u, s) * torch.where(a > 0, 0.3, 1.0))),
    ("flexible", {"variant": "decrease_increase_decrease"}, flexible_falling),
    ("opefo", {}, opefo),
    ("nsr_rescue", {"noise": 0.0}, ppo),
    ("rlrt", {}, rlrt),
]  # fmt: skip


def gradients(method, update):
    return torch.autograd.grad(mean_loss(method, update), update.logits, retain_graph=True)[0]


def policy_gradient(weight, update, aggregation):
    """−weight·(onehot − π), averaged as `aggregation` says: the gradient of the loss with respect to the logits."""
    mask = update.response_mask
    share = mask / mask.sum() if aggregation == "token-mean" else mask / mask.sum(-1, keepdim=True) / len(mask)
    one_hot = torch.nn.functional.one_hot(update.token_ids, update.logits.shape[-1])
    return -(weight * share)[..., None] * (one_hot - update.logits.detach().softmax(-1))


@pytest.mark.parametrize("name, settings, weight", CASES, ids=[case[0] for case in CASES])
def test_gradient_on_the_logits(name, settings, weight):
    update = replace(random_update(4, spread=0.9), progress=Progress(8, 10, {}, 17))
    method = build(name, settings)
    with torch.no_grad():
        ratio = (update.log_prob - update.old_log_prob).exp()
        token_weight = weight(ratio, update.advantages, update, method.settings)
        expected = policy_gradient(token_weight, update, method.settings.aggregation)
    assert torch.allclose(gradients(method, update), expected, atol=1e-12)


def test_gradient_of_the_entropy_bonus():
    """dH/dz = −π(log π + H)."""
    update = random_update(4, spread=0.9)
    added = gradients(build("entropy_bonus", {"coefficient": 0.2}), update) - gradients(build("grpo", {}), update)
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
