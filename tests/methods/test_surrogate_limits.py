"""The limits of the methods: settings that are GRPO, on-policy updates, every variant in parts, and combination."""

from dataclasses import replace

import pytest
import torch

from stages.methods import build
from stages.methods.kl_penalty import KlPenalty
from stages.methods.opefo import Opefo
from stages.methods.steer import Steer
from stages.rl.aggregation import aggregate
from stages.rl.batch import rows
from tests.batches import combination, mean_loss, method_of, prepared, random_update


def gradients(method, update):
    return torch.autograd.grad(mean_loss(method, update), update.logits, retain_graph=True)[0]


GRPO_AT = {  # name -> settings that reduce it to GRPO, GRPO's settings that go with them, the state
    "clip_cov": (
        {"covariance_low": 1.0, "covariance_high": 1.0, "clip_ratio_low": 0.2, "clip_ratio_high": 0.2},
        {},
        {},
    ),
    "entropy_bonus": ({"coefficient": 0.0}, {}, {}),
    "kl_penalty": ({"coefficient": 0.0}, {}, {}),
    "ada_ent_reg": ({"coefficient_max": 0.0, "target": 9.0}, {}, {"coefficient": 0.0, "active": 1}),
    "archer": ({"high_clip": 0.2, "low_coefficient": 0.0, "epochs": 1, "dual_clip": None}, {}, {}),
    "decomposing": ({"shaping": 0.0, "clip_ratio_high": 0.2}, {}, {}),
    "clip_lower": ({"clip_ratio_low": 0.2}, {}, {}),
    "clip_tighter": ({"clip_ratio_low": 0.2}, {}, {}),
    "par": ({"variant": "constant", "initial_weight": 1.0}, {}, {}),
    "steer": (
        {"mapping": "linear", "weight_min": 1.0, "weight_max": 1.0, "clip_ratio_high": 0.2, "dual_clip": None},
        {},
        {},
    ),
    "entropic": ({"proportional_gain": 0.0, "integral_gain": 0.0}, {}, {"error_sum": 3.0}),
    "aent": ({"entropy_low": 0.1, "entropy_high": 0.3, "coefficient": 0.0}, {}, {"coefficient": 0.0}),
    "nsr_rescue": ({"noise": 0.0}, {}, {}),
    "rlrt": ({"mixing": 0.0}, {}, {}),
    "rlsd": ({"mixing": 0.0, "clip_ratio_high": 0.2}, {}, {}),
}


@pytest.mark.parametrize("name", GRPO_AT)
def test_reduces_to_grpo_bit_for_bit(name):
    reducing, grpo, state = GRPO_AT[name]
    update = random_update(6, state=state, spread=0.8)
    method, reference = build(name, reducing), build("grpo", grpo)
    assert torch.equal(mean_loss(method, update), mean_loss(reference, update))
    assert torch.equal(gradients(method, update), gradients(reference, update))


@pytest.mark.parametrize(
    "variant", ["increase_decrease", "decrease_increase_decrease", "oscillatory", "upper", "lower"]
)
def test_flexible_without_slopes_is_grpo_up_to_rounding(variant):
    flat = {"high_slope": 0.0, "low_slope": 0.0, "high_width": 0.2, "low_width": 0.2}
    method, reference = build("flexible", {"variant": variant, **flat}), build("grpo", {})
    for step in (2, 8):
        update = random_update(6, state=method.initial_state(), spread=0.8, step=step)
        assert torch.allclose(mean_loss(method, update), mean_loss(reference, update), atol=1e-14)
        assert torch.allclose(gradients(method, update), gradients(reference, update), atol=1e-14)


def test_ce_gppo_without_weights_has_grpos_gradient_and_not_its_value():
    update = random_update(6, spread=0.8)
    method, reference = build("ce_gppo", {"weight_low": 0.0, "weight_high": 0.0}), build("grpo", {"dual_clip": 10.0})
    assert torch.equal(gradients(method, update), gradients(reference, update))
    assert not torch.isclose(mean_loss(method, update), mean_loss(reference, update))


RATIO_BASED = [
    "gspo",
    "sapo",
    "cispo",
    "gmpo",
    "kl_cov",
    "ce_gppo",
    "clip_lower",
    "clip_tighter",
    "clip_free",
    "flexible",
]


@pytest.mark.parametrize("name", [*RATIO_BASED, "nsr_rescue", "grpo", "clip_higher", "cure"])
def test_on_policy_the_gradient_is_the_policy_gradient(name):
    """At r = 1 nothing is clipped, held or rescued: −A·(onehot − π)."""
    update = random_update(5, spread=0.8)
    update = replace(update, old_log_prob=update.log_prob.detach(), old_entropy=update.entropy.detach())
    method = method_of(name)
    mask, one_hot = update.response_mask, torch.nn.functional.one_hot(update.token_ids, 7)
    by_token = method.settings.aggregation == "token-mean"
    share = mask / mask.sum() if by_token else mask / mask.sum(-1, keepdim=True) / len(mask)
    expected = -(update.advantages * share)[..., None] * (one_hot - update.logits.detach().softmax(-1))
    assert torch.allclose(gradients(method, update), expected, atol=1e-12)
    logged = method.token_loss(prepared(method, update))[1]
    assert not logged["clip_fraction_high"].any() and not logged["clip_fraction_low"].any()


def test_a_weight_and_a_penalty_combine():
    both = combination(Steer, KlPenalty)()
    update = random_update(6, spread=0.8)
    added = gradients(both, update) - gradients(build("steer", {}), update)
    penalty = gradients(build("kl_penalty", {}), update) - gradients(build("grpo", {}), update)
    assert both.reference == "initial" and both.batch_statistics == "current_policy"
    assert torch.allclose(added, penalty, atol=1e-12)
    assert combination(Opefo, KlPenalty)().batch_statistics == "old_policy"


VARIANTS = [
    ("steer", {"variant": "paper_older"}),
    ("steer", {"mapping": "linear", "weight_min": 0.8}),
    ("steer", {"mapping": "binary", "mask_above": 0.5}),
    ("steer", {"batch_statistics": "old_policy"}),
    ("par", {"variant": "stage"}),
    ("par", {"variant": "epoch", "data_epochs": 2}),
    ("flexible", {"variant": "decrease_increase_decrease"}),
    ("flexible", {"variant": "oscillatory"}),
    ("flexible", {"variant": "upper"}),
    ("flexible", {"variant": "lower"}),
    ("clip_cov", {"batch_statistics": "old_policy", "share": 0.1, "covariance_low": 0.1}),
    ("clip_cov", {"share": 0.1, "covariance_low": 0.1}),
    ("kl_cov", {"batch_statistics": "old_policy", "share": 0.1}),
    ("entropic", {"batch_statistics": "old_policy"}),
    ("entropic", {"likely": 0.5}),
    ("archer", {"low_coefficient": 1.0}),
]


@pytest.mark.parametrize("name, settings", VARIANTS)
def test_variants_of_papers_do_not_depend_on_the_parts(name, settings):
    """64 responses at once against micro-batches of 8 in another order."""
    method = build(name, settings)
    whole = prepared(method, random_update(2, responses=64, state=method.initial_state(), spread=0.6, step=8))
    sizes = {"tokens": int(whole.mask.sum()), "responses": 64, "horizon": 12}

    def gradient(parts):
        shares = [
            aggregate(method.token_loss(part)[0], part.mask, method.settings.aggregation, **sizes)
            for part in (rows(whole, part) for part in parts)
        ]
        return torch.autograd.grad(sum(shares), whole.logits, retain_graph=True)[0]

    shuffled = torch.randperm(64, generator=torch.Generator().manual_seed(1)).split(8)
    assert torch.allclose(gradient([slice(0, 64)]), gradient(shuffled), atol=1e-12)


def test_clamped_entropy_stays_finite_in_single_precision():
    """Logits 200 nats apart: p underflows to 0, and p·log p must still have a gradient of 0."""
    logits = torch.tensor([[0.0, 200.0, -200.0, 100.0], [5.0, 5.0, 5.0, 5.0]], requires_grad=True)
    term = method_of("aent").logit_terms(logits)["clamped_entropy"]
    term.sum().backward()
    assert torch.isfinite(logits.grad).all()
    assert term.tolist() == pytest.approx([0.0, torch.tensor(3.0).log().item()])  # of equal logits one is dropped
