"""Schedules, controllers and statistics of the mini-batch, by hand-computed numbers."""

import math
from dataclasses import replace

import pytest
import torch

from stages.common.files import InputError
from stages.methods import build
from stages.rl.batch import TrainingStep
from stages.rl.batch_statistics import with_batch_statistics
from stages.rl.settings import Rollout
from tests.batches import method_of, prepared, random_update


def trace(method, measured, total=None):
    """The state at each of the steps, whose measurements are `measured`, and after the last."""
    states = [method.initial_state()]
    for step, values in enumerate(measured, 1):
        training_step = TrainingStep(step, total or len(measured), states[-1])
        states.append(method.update_state(replace(random_update(), training_step=training_step), values))
    return states


def token(log_prob, entropy, advantages, **more):
    """A batch of one-token responses on-policy."""
    column = {
        name: torch.tensor(values, dtype=torch.float64)[:, None]
        for name, values in {"log_prob": log_prob, "old_entropy": entropy, "advantages": advantages}.items()
    }
    update = random_update(responses=len(log_prob), length=1)
    mask = torch.ones(len(log_prob), 1, dtype=torch.bool)
    column |= {
        "entropy": column["old_entropy"],
        "old_log_prob": column["log_prob"],
        "response_mask": mask,
        "mask": mask,
    }
    return replace(update, **column, **more)


# -- PAR ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings, expected",  # of eight steps
    [
        ({"variant": "stage"}, [0, 0, 0, 0, 0.25, 0.5, 0.75, 1]),
        ({"variant": "epoch", "data_epochs": 2}, [0, 0, 0, 0, 1, 1, 1, 1]),
        ({"variant": "epoch", "data_epochs": 3}, [0, 0, 0, 0.5, 0.5, 0.5, 1, 1]),
        ({"variant": "constant", "initial_weight": 0.25}, [0.25] * 8),
    ],
)
def test_par_schedules(settings, expected):
    method = build("par", settings)
    states = trace(method, [{"entropy": 0.0}] * 8)
    weights = [method.weight(TrainingStep(step, 8, state)) for step, state in enumerate(states[:8], 1)]
    assert weights == pytest.approx(expected)
    update = replace(random_update(5), training_step=TrainingStep(5, 8, {}))
    weight = method.token_weight(update)
    assert (weight[update.advantages > 0] == expected[4]).all() and (weight[update.advantages <= 0] == 1).all()


@pytest.mark.parametrize("epochs", [None, 1, 0])
def test_par_by_epoch_needs_its_number_of_epochs(epochs):
    with pytest.raises(InputError, match="method_settings.par.data_epochs: variant epoch needs at least 2"):
        build("par", {"variant": "epoch", "data_epochs": epochs})


# -- Flexible -----------------------------------------------------------------------------------------------------

# p = .4: Hi = .4, Lo = .248
SECOND_HALF_LOW = {6: 0.8 * 0.248 + 0.2 * 0.2, 10: 0.2}


@pytest.mark.parametrize(
    "variant, step, low, high",
    [
        ("decrease_increase_decrease", 1, 0.2, 0.8 * 0.2 + 0.2 * 0.4),
        ("decrease_increase_decrease", 5, 0.2, 0.4),
        ("decrease_increase_decrease", 6, SECOND_HALF_LOW[6], 0.4),
        ("decrease_increase_decrease", 10, SECOND_HALF_LOW[10], 0.4),
        ("increase_decrease", 2, 0.2, 0.6 * 0.4 + 0.4 * 0.2),
        ("increase_decrease", 6, SECOND_HALF_LOW[6], 0.2),
        ("oscillatory", 1, 0.248, 0.2),
        ("upper", 1, 0.2, 0.4),
        ("upper", 10, 0.2, 0.4),
        ("lower", 1, 0.248, 0.2),
        ("lower", 10, 0.248, 0.2),
    ],
)
def test_flexible_widths(variant, step, low, high):
    method = build("flexible", {"variant": variant})
    update = token([math.log(0.4)], [0.5], [1.0], training_step=TrainingStep(step, 10, method.initial_state()))
    widths = [torch.as_tensor(width).flatten()[0].item() for width in method.clip_range(update)]
    assert widths == pytest.approx([low, high])


def test_flexible_oscillates():
    """H_1 = 1: raises at .2 and below, lowers above τ(k) = .2 + .8·(1 − k/10), goes on between the two."""
    entropies = [1.0, 0.5, 0.2, 0.4, 0.59, 0.53, 0.3, 0.1, 0.28, 0.21]
    #   τ(k)     .92  .84  .76  .68  .60   .52   .44  .36  .28   .20
    method = build("flexible", {"variant": "oscillatory"})
    states = trace(method, [{"entropy": entropy} for entropy in entropies])
    assert [state["raising"] for state in states] == [0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 0]
    assert {state["first_entropy"] for state in states[1:]} == {1.0}
    update = token([math.log(0.4)], [0.5], [1.0], training_step=TrainingStep(4, 10, states[3]))
    assert [torch.as_tensor(width).item() for width in method.clip_range(update)] == pytest.approx([0.2, 0.4])


# -- STEER's other mappings and estimates -------------------------------------------------------------------------

STEER = {  # variant -> what A·(log p + H) is multiplied by, from p
    "paper": lambda p: 1 - p,
    "paper_older": lambda p: (1 - p) ** 2,
    "times_p": lambda p: p * (1 - p),
    "code": lambda p: 1 - p,
}


@pytest.mark.parametrize("mapping", ["exponential", "linear"])
@pytest.mark.parametrize("variant", STEER)
def test_steer_weights(variant, mapping):
    """p .5, .9, .3 with H .6, .4, 1 and A 1, −2, 0, on-policy; the third token changes nothing."""
    method = build("steer", {"variant": variant, "mapping": mapping, "weight_min": 0.8})
    update = token([math.log(0.5), math.log(0.9), math.log(0.3)], [0.6, 0.4, 1.0], [1.0, -2.0, 0.0])
    factor = STEER[variant]
    change = [factor(0.5) * abs(math.log(0.5) + 0.6), factor(0.9) * 2 * abs(math.log(0.9) + 0.4), 0.0]
    share = [value / max(change) for value in change]
    expected = [0.8**value if mapping == "exponential" else 1.2 - 0.4 * value for value in share]
    assert method.token_weight(prepared(method, update))[:, 0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("variant", STEER)
@pytest.mark.parametrize("mask_above, weights", [(0.0, [0.0, 0.0, 1.0]), (0.9, [1.0, 0.0, 1.0])])
def test_steer_masks_what_changes_the_entropy_most(variant, mask_above, weights):
    """The first token changes the entropy by less than a tenth of what the second does, the third not at all."""
    method = build("steer", {"variant": variant, "mapping": "binary", "mask_above": mask_above})
    update = token([math.log(0.5), math.log(0.6), math.log(0.3)], [0.6, 1.5, 1.0], [1.0, -2.0, 0.0])
    assert method.token_weight(prepared(method, update))[:, 0].tolist() == weights


@pytest.mark.parametrize(
    "settings, reason",
    [
        ({"mapping": "binary"}, "mask_above: mapping binary needs it"),
        ({"mapping": "binary", "mask_above": 0.5, "weight_min": 0.5}, "weight_min"),
        ({"mask_above": 0.5}, "mask_above"),
    ],
)
def test_steer_refuses_a_mask_without_its_place(settings, reason):
    with pytest.raises(InputError, match=f"method_settings.steer.{reason}"):
        build("steer", settings)


@pytest.mark.parametrize("variant", STEER)
def test_steer_takes_the_entropy_of_the_policy_that_is_updated(variant):
    """Eq. 14; the released code has that of the old policy. H −log p is no change."""
    update = token([math.log(0.5), math.log(0.9)], [0.6, 0.4], [1.0, -2.0])
    other = replace(update, entropy=-update.log_prob)
    method = build("steer", {"variant": variant})
    assert (method.entropy_change(other) == 0).all() == (variant != "code")


@pytest.mark.parametrize("variant", STEER)
def test_steer_linear_where_all_tokens_change_the_entropy_alike(variant):
    method = build("steer", {"mapping": "linear", "variant": variant, "weight_min": 0.8})
    for advantages in ([0.0, 0.0], [1.0, 1.0]):
        update = prepared(method, token([-1.0, -1.0], [0.5, 0.5], advantages))
        assert method.token_weight(update)[:, 0].tolist() == pytest.approx([1.0, 1.0])  # the mean of 0.8 and 1.2


def test_steer_code_holds_probabilities():
    """p in [1e-8, 1 − 1e-8]: a token of p 0 has log p + H with log 1e-8, one of p 1 still changes a little."""
    method = build("steer", {"variant": "code"})
    change = method.entropy_change(token([-1000.0, 0.0], [0.5, 0.5], [1.0, 1.0]))[:, 0].tolist()
    assert change == pytest.approx([abs(math.log(1e-8) + 0.5), 1e-8 * 0.5], rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("variant", ["paper", "paper_older", "times_p"])
def test_steer_linear_stays_between_its_weights_on_the_old_policys_statistics(variant, seed):
    method = build("steer", {"mapping": "linear", "batch_statistics": "old_policy", "variant": variant})
    weight = method.token_weight(prepared(method, random_update(seed, responses=16, spread=3.0)))
    assert 0.7 - 1e-12 <= weight.min() < weight.max() <= 1.2 + 1e-12


def test_steer_linear_refuses_crossed_weights():
    with pytest.raises(InputError, match="method_settings.steer.weight_max: 0.5 is below weight_min 0.7"):
        build("steer", {"mapping": "linear", "weight_max": 0.5})


# -- controllers --------------------------------------------------------------------------------------------------


SKYWORK = {  # coefficients after each step; at the fourth h = h*, which moves nothing, but in `code` is not below
    "paper": [0.1, 0.2, 0.25, 0.25, 0.15, 0.05, 0.0, 0.1],
    "code": [0.1, 0.2, 0.25, 0.15, 0.05, 0.0, 0.0, 0.1],
}


@pytest.mark.parametrize("variant", SKYWORK)
def test_ada_ent_reg_follows_the_entropy(variant):
    """h is the exact entropy, in `code` −mean old log-prob of valid tokens. The bonus of a step counts by its own h, in
    `code` by that of the step before; the coefficient is the step before's in both."""
    method = build("ada_ent_reg", {"target": 0.25, "step": 0.1, "coefficient_max": 0.25, "variant": variant})
    state, states = method.initial_state(), []
    for step, estimate in enumerate([0.125, 0.125, 0.125, 0.25, 0.5, 0.5, 0.5, 0.249], 1):
        batch = random_update()
        sampled, exact = (estimate, 9.0) if variant == "code" else (9.0, estimate)
        log_prob = torch.where(batch.response_mask, -sampled, -50.0).double()
        state = method.update_state(
            replace(batch, old_log_prob=log_prob, training_step=TrainingStep(step, 8, state)), {"entropy": exact}
        )
        states.append(state)
    assert [state["coefficient"] for state in states] == pytest.approx(SKYWORK[variant])
    assert "active" not in state or [state["active"] for state in states] == [1, 1, 1, 0, 0, 0, 0, 1]
    update = random_update()
    for state, entropy in ((states[1], 0.25), (states[4], 0.125), (states[1], 0.26)):
        counts = state["active"] if variant == "code" else entropy <= 0.25
        now = replace(update, training_step=TrainingStep(2, 8, state, entropy=entropy))
        assert torch.equal(method.regulariser(now), -state["coefficient"] * counts * update.entropy)


@pytest.mark.parametrize("variant", ["paper", "code"])
def test_ada_ent_reg_without_room_for_a_coefficient_has_none(variant):
    """It is GRPO then: whatever the entropy was, no bonus comes of it."""
    method = build("ada_ent_reg", {"coefficient_max": 0.0, "step": 0.1, "target": 9.0, "variant": variant})
    before = replace(random_update(), training_step=TrainingStep(1, 8, method.initial_state()))
    after = replace(
        before, training_step=TrainingStep(2, 8, method.update_state(before, {"entropy": 0.1}), entropy=0.1)
    )
    assert (method.regulariser(after) == 0).all()


def test_ada_ent_regs_constants_are_the_variants():
    for variant, step, largest in (("paper", 5e-3, 5e-2), ("code", 1e-4, 5e-3)):
        method, state = build("ada_ent_reg", {"variant": variant, "target": 9.0}), {"coefficient": largest - step / 2}
        batch = replace(random_update(), training_step=TrainingStep(1, 8, state | {"active": 1}))
        after = method.update_state(batch, {"entropy": 0.1})["coefficient"]
        assert after == pytest.approx(largest + step / 2 if variant == "paper" else largest)


def test_entropic_sums_the_errors_and_holds_the_control():
    method = build("entropic", {"target": 0.5, "integral_gain": 0.1})
    states = trace(method, [{"entropy": 0.8}, {"entropy": 0.4}, {"entropy": 0.3}])
    assert [state["error_sum"] for state in states] == pytest.approx([0.0, 0.3, 0.2, 0.0])
    for error_sum, entropy, control in [(0.3, 0.4, -0.1 + 0.1 * 0.2), (3.0, 0.4, -0.1 + 0.29), (30.0, 0.4, 1.0)]:
        update = token(
            [-0.01, -3.0], [entropy, entropy], [1.0, -1.0], training_step=TrainingStep(2, 3, {"error_sum": error_sum})
        )
        statistics = with_batch_statistics(method, update).statistics
        assert statistics["control"].item() == pytest.approx(control)
        assert statistics["likely_scale"].item() == 2  # one of the two tokens is likely


def test_aent_holds_the_clamped_entropy_between_its_bounds():
    settings = {"entropy_low": 0.2, "entropy_high": 0.4, "coefficient": 0.02, "rate": 0.1, "pull": 0.5}
    method = build("aent", settings)
    states = trace(method, [{"method_clamped_entropy": h, "entropy": 9.0} for h in (0.1, 0.3, 0.6, 3.0, 0.0, -9.0)])
    first = 0.02 + 0.1 * 0.1
    second = first - 0.1 * 0.5 * 0.01
    third = second - 0.1 * (0.2 + 0.5 * (second - 0.02))
    fifth = 4e-5 + 0.1 * (0.2 + 0.5 * (0.02 - 4e-5))
    expected = [0.02, first, second, third, 4e-5, fifth, 0.1]
    assert [state["coefficient"] for state in states] == pytest.approx(expected)
    update = prepared(method, random_update(state=states[0]))
    assert "method_clamped_entropy" in method.token_loss(update)[1]  # what comes back as `measured`


def test_opefo_balances_what_raises_and_what_lowers_the_entropy():
    """d = −A·(1 − p)²·(log p + H): .5, .9, .1 with H .6, .4, 1 and A 1, −2, 1."""
    method = build("opefo", {})
    update = token([math.log(0.5), math.log(0.9), math.log(0.1)], [0.6, 0.4, 1.0], [1.0, -2.0, 1.0])
    raised = 0.25 * (math.log(2) - 0.6) + 2 * 0.01 * (math.log(0.9) + 0.4) + 0.81 * (math.log(10) - 1.0)
    assert method.settings.updates_per_step == 1
    assert method.token_weight(prepared(method, update))[:, 0].tolist() == [0.0] * 3  # nothing lowers it: λ = −1
    update = replace(update, advantages=update.advantages * torch.tensor([[1.0], [-30.0], [1.0]]))
    lowered = 30 * 2 * 0.01 * (math.log(0.9) + 0.4)
    raised -= lowered / 30
    balance = (lowered - raised) / (lowered + raised)
    weights = method.token_weight(prepared(method, update))[:, 0].tolist()
    assert weights == pytest.approx([1 + balance, 1 - balance, 1 + balance])
    assert (1 + balance) * raised == pytest.approx((1 - balance) * lowered)
    still = replace(update, advantages=torch.zeros(3, 1, dtype=torch.float64))
    assert method.token_weight(prepared(method, still))[:, 0].tolist() == [1.0] * 3


def test_opefos_estimate_is_the_one_that_its_counterexample_prints():
    """The mean of d over a policy of two tokens, p .8 and .2, with A .2 and −.8: −.115340 for eq. 6."""
    probability = torch.tensor([0.8, 0.2], dtype=torch.float64)
    log_prob, entropy = probability.log(), -(probability * probability.log()).sum().item()
    update = token(log_prob.tolist(), [entropy] * 2, [0.2, -0.8])
    change = build("opefo", {}).entropy_change(update)[:, 0]
    assert (probability * change).sum().item() == pytest.approx(-0.115340, abs=5e-7)


def test_cure_branches_first():
    method = build("cure", {"second_stage_from": 3})
    branching = Rollout(resample_uniform_groups=True, branch_of=4, branch_top_entropy=20)
    plain = Rollout(resample_uniform_groups=True)
    assert [method.rollout(TrainingStep(step, 4)) for step in (1, 2, 3, 4)] == [branching, branching, plain, plain]


@pytest.mark.parametrize("name", ["par", "flexible", "ada_ent_reg", "entropic", "aent"])
def test_states_are_numbers(name):
    """Workers are given the numbers of a state and nothing else of it."""
    method = method_of(name)
    update = random_update(state=method.initial_state())
    after = method.update_state(update, {"entropy": 0.3, "method_clamped_entropy": 0.3})
    assert after.keys() == method.initial_state().keys()
    assert all(isinstance(value, int | float) for value in after.values())


@pytest.mark.parametrize(
    "name, field", [("aent", "entropy_low"), ("nsr_rescue", "noise"), ("sent", "entropy_threshold")]
)
def test_what_nobody_published_has_no_default(name, field):
    with pytest.raises(InputError, match=f"method_settings.{name}.{field}: not published"):
        build(name, {})
