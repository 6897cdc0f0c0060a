"""Controls: as many tokens as the method selects, of the same sign; weights of the same mean; and who has which."""

from dataclasses import replace

import pytest
import torch

from stages.common.files import InputError
from stages.methods import METHODS, build, class_of
from stages.methods.clip_b import ClipB
from stages.methods.steer import Steer
from stages.rl.batch import rows
from stages.rl.batch_statistics import batch_of, with_batch_statistics
from stages.rl.catalogue import describe
from stages.rl.controls import controls_of
from tests.batches import combination, mean_loss, prepared, random_update, smoke_settings

SELECTING = [name for name in METHODS if "random_same_count" in controls_of(class_of(name))]
WEIGHING = [name for name in METHODS if class_of(name).changes("token_weight")]
WEIGHING_ELSEWHERE = [name for name in METHODS if class_of(name).weighs]
IN_LOSS = [name for name in METHODS if class_of(name).asked_in_loss]
# They set a baseline or normalise, give every token a term, shape or bound the ratio, or choose prompts and temperatures;
# this bench's own placebo is among them.
NEITHER = {
    *(
        "dr_grpo",
        "rloo",
        "reinforce_pp",
        "reinforce_pp_baseline",
        "opo",
        "gpg",
        "qae",
        "max_rl",
        "passk_adv",
        "asym_grpo",
    ),
    *("outcome_ucb", "outcome_batch", "antisd"),
    *("grpo", "gspo", "sapo", "cispo", "gmpo", "ce_gppo", "abc_grpo"),
    *("clip_higher", "clip_lower", "clip_tighter", "clip_free", "flexible", "dcpo", "bapo"),
    *("entropy_bonus", "kl_penalty", "ada_ent_reg", "aent"),
    *("dapo", "e3_temperature", "random_reward"),
}
VISIBLE = {  # settings at which a batch of a few hundred tokens shows a selection
    "era": {"entropy_low": 1.55, "entropy_high": 1.65},
    "entropic": {"likely": 0.3, "target": 9.0},
    "dppo": {"bound_low": 0.05, "bound_high": 0.05},
    "clip_b": {"mu": 0.3},
    "clip_v": {"mu": 0.3, "share": 0.05},
    "clip_cov": {"share": 0.2, "covariance_low": 0.1, "covariance_high": 0.9},
    "kl_cov": {"share": 0.2},
    "sent_released": {"share": 0.1},
    "stare": {"sides": "both_sides", "target": 9.0},
    "sent": {"entropy_threshold": 1.2, "covariance_threshold": 0.1, "coefficient_low": 0.2, "coefficient_high": 0.3},
}


def pair(name, control):
    settings = smoke_settings(name) | VISIBLE.get(name, {})
    return build(name, settings), build(name, settings | {"control": control})


def batch(method, seed=3, **changes):
    return random_update(seed, responses=32, spread=0.8, state=method.initial_state(), **changes)


def chosen(method, update):
    """What the method selects of `update`, for each of its functions, [B] or [B, T]."""
    update = replace(update, logit_terms=prepared(method, update).logit_terms)
    return [getattr(method, name)(update) for name in method.selects]


def test_who_has_controls():
    """A method has a control, or says why it has none, or neither selects nor weighs."""
    controlled = {name for name in METHODS if controls_of(class_of(name))}
    explained = {name for name in METHODS if class_of(name).without_control}
    assert not explained & controlled and not NEITHER & (controlled | explained)
    assert set(METHODS) - controlled - explained == NEITHER
    assert explained == {name for name in METHODS if describe(name, class_of(name)).without_control}
    assert {"archer", "simko", "era", "entropic", "dppo", "unlikeliness"} <= set(SELECTING)
    assert set(WEIGHING_ELSEWHERE) == {"prepo", "decomposing", "vespo", "w_reinforce", "entropy_adv"}
    for name in METHODS:
        method = class_of(name)
        assert set(method.asked_in_loss) <= {*method.selects, *method.weighs}
        if "mask" in method.changed_hooks():
            assert "mask" in method.selects or "left_out" in method.selects or name in explained


@pytest.mark.parametrize("name", SELECTING)
def test_as_many_of_the_same_sign_at_random(name):
    method, control = pair(name, "random_same_count")
    update = batch(method)
    update = replace(update, advantages=(update.rewards - 0.5)[:, None] * update.response_mask)
    for own, other in zip(chosen(method, update), chosen(control, update), strict=True):
        assert own.shape == other.shape and not torch.equal(own, other)
        per_token = own.shape == update.response_mask.shape
        signs = update.advantages.sign() if per_token else update.advantages[:, 0].sign()
        places = update.response_mask if per_token else update.response_mask.any(-1)
        for sign in (-1, 1):
            members = places & (signs == sign)
            assert torch.equal(own[members].flatten().sort().values, other[members].flatten().sort().values)
        if not per_token:  # within each group
            for number in update.group.unique():
                assert own[update.group == number].sum() == other[update.group == number].sum()


@pytest.mark.parametrize("name", SELECTING)
def test_the_random_choice_does_not_depend_on_the_order_of_the_responses(name):
    _, control = pair(name, "random_same_count")
    update = batch(control)
    order = torch.randperm(32, generator=torch.Generator().manual_seed(1))
    for one, other in zip(chosen(control, update), chosen(control, rows(update, order)), strict=True):
        assert torch.equal(one[order], other)
    later = replace(update, training_step=replace(update.training_step, step=2))
    assert any(not torch.equal(*both) for both in zip(chosen(control, update), chosen(control, later), strict=True))


@pytest.mark.parametrize("name", SELECTING)
def test_the_random_choice_reaches_the_loss(name):
    method, control = pair(name, "random_same_count")
    update = batch(method)
    losses = [mean_loss(each, replace(update, advantages=each.advantages(update))) for each in (method, control)]
    gradients = [torch.autograd.grad(loss, update.logits, retain_graph=True)[0] for loss in losses]
    assert torch.isfinite(losses[1]) and not torch.allclose(*gradients, atol=1e-9)


@pytest.mark.parametrize("name", WEIGHING)
def test_a_constant_weight_of_the_same_mean(name):
    method, control = pair(name, "constant_same_mean")
    update = batch(method)
    seen, held = prepared(method, update), prepared(control, update)
    weight = method.token_weight(seen).expand_as(update.advantages)[update.response_mask]
    constant = control.token_loss(held)[1]["method_token_weight"]
    assert constant.ndim == 0
    assert constant.item() == pytest.approx(weight.mean().item(), rel=1e-9 if weight.dtype == torch.float64 else 1e-6)
    plain = -method.surrogate(seen, *method.clip_range(seen)) * constant
    loss = control.token_loss(held)[0]
    assert torch.allclose(loss, plain + method.regulariser(seen), atol=1e-12)


@pytest.mark.parametrize(
    "name, settings", [*((n, {}) for n in WEIGHING_ELSEWHERE), ("decomposing", {"variant": "position"})]
)
def test_a_constant_where_a_method_weighs_elsewhere(name, settings):
    """All weights are alike, their mean over tokens stays, and the loss is another."""
    method, control = (
        build(name, smoke_settings(name) | settings | {"control": c}) for c in ("none", "constant_same_mean")
    )
    update = replace(batch(method), advantages=method.advantages(batch(method)))
    for own in method.weighs:
        given, constant = (getattr(each, own)(update) for each in (method, control))
        of_tokens = (given[:, None] if given.ndim == 1 else given).expand_as(update.mask)[update.mask]
        assert constant.unique().numel() == 1
        assert constant.flatten()[0].item() == pytest.approx(of_tokens.mean().item(), rel=1e-6)
    losses = [mean_loss(each, replace(update, advantages=each.advantages(update))) for each in (method, control)]
    assert abs(losses[0] - losses[1]) > 1e-9


@pytest.mark.parametrize("name", IN_LOSS)
def test_what_the_loss_asks_is_settled_for_the_mini_batch(name):
    """The loss of micro-batches under a control is the mini-batch's, however it is split."""
    (kind,) = controls_of(class_of(name))
    method, control = pair(name, kind)
    assert batch_of(control) == (batch_of(method) if batch_of(method) != "none" else "current_policy")
    update = prepared(control, batch(control))
    whole = control.token_loss(update)[0]
    order = torch.randperm(32, generator=torch.Generator().manual_seed(1))
    parts = torch.cat([control.token_loss(rows(update, part))[0] for part in order.split(5)])
    assert torch.allclose(whole[order], parts, atol=1e-12)
    assert not torch.allclose(whole, method.token_loss(prepared(method, batch(method)))[0], atol=1e-9)


def test_the_constant_is_the_mini_batchs():
    """Micro-batches are given it; the method alone needs no look at the mini-batch."""
    method, control = pair("par", "constant_same_mean")
    assert (method.batch_statistics, batch_of(method), batch_of(control)) == ("none", "none", "current_policy")
    update = with_batch_statistics(control, batch(method))
    parts = [control.token_loss(rows(update, part))[1]["method_token_weight"] for part in (slice(0, 8), slice(8, 32))]
    assert parts[0] == parts[1] and 0 < parts[0] < 1


@pytest.mark.parametrize(
    "name, control, said",
    [
        ("grpo", "random_same_count", "this method has no random_same_count; its controls are: none"),
        ("psr", "random_same_count", r"its controls are: none \(its choice is the sign of the advantage"),
        ("steer", "random_same_count", "its controls are: constant_same_mean"),
        ("clip_cov", "constant_same_mean", "its controls are: random_same_count"),
        ("clip_cov", "at_random", "input should be"),
    ],
)
def test_a_control_that_a_method_has_not_is_refused(name, control, said):
    with pytest.raises(InputError, match=f"method_settings.mine.control: .*{said}"):
        build(name, {"control": control}, place="method_settings.mine")


def test_a_combination_has_its_parts_controls():
    both = combination(ClipB, Steer)
    assert controls_of(both) == ("random_same_count", "constant_same_mean")
    update = random_update(3, responses=32, spread=0.8)
    masks = [prepared(both(both.Settings(mu=0.3, control=c)), update).mask for c in ("none", "random_same_count")]
    assert masks[0].sum() == masks[1].sum() and not torch.equal(*masks)
