"""What the derivative says a step does, and what the step then did."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from stages.methods import build
from stages.probes.coupling import state_change
from stages.probes.decomposition import caused_by_tokens
from stages.probes.experiment import Findings, probe
from stages.probes.loss import MiniBatchLoss, in_update
from stages.probes.policy import Policy, View, inner, moved, norm
from stages.probes.step import direction, step
from stages.rl.batch import Update
from tests.batches import DifferentiableUpdate, mean_loss, method_of, prepared, random_update
from tests.probes.small_model import ADAMW, SGD, random_batch, setting, small_policy

RULES = {"sgd": SGD, "adamw": ADAMW}


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return small_policy(tmp_path_factory.mktemp("small_model"))


def gradient_of(policy: Policy, name: str = "grpo"):
    """A mini-batch, its view, the sensitivity of the method's loss, and the loss's gradient with respect to the weights."""
    batch, responses = random_batch(policy)
    method, view = build(name, {}), policy.view(policy.weights, batch)
    update = in_update(responses, method.advantages(responses), view, slice(0, len(batch)))
    sensitivity = MiniBatchLoss(method, 3, 5).sensitivity(update, view)
    return batch, update, view, sensitivity, policy.gradient(policy.weights, batch, sensitivity.gradient)


@pytest.mark.parametrize("kind", RULES)
def test_the_derivative_meets_the_measured_change_as_the_step_shrinks(policy, kind):
    """To 1 % once the step is small, and ten times nearer for a tenth of the step."""
    batch, _, view, _, gradient = gradient_of(policy)
    unit = step(RULES[kind], 1.0, policy.weights, gradient, None)
    slope = policy.derivative(policy.weights, direction(unit, gradient), batch)
    apart = {}
    for length in (1e-4, 1e-5, 1e-6):
        rate = length / norm(direction(unit, gradient))
        after = policy.view(step(RULES[kind], rate, policy.weights, gradient, None).weights, batch)
        for name in ("log_prob", "entropy", "spread"):
            change, foreseen = getattr(after, name) - getattr(view, name), rate * getattr(slope, name)
            apart[name, length] = ((change - foreseen).norm() / change.norm()).item()
    for name in ("log_prob", "entropy", "spread"):
        assert apart[name, 1e-4] < 0.01
        assert apart[name, 1e-5] / apart[name, 1e-4] == pytest.approx(0.1, rel=0.2)
        assert apart[name, 1e-6] / apart[name, 1e-5] == pytest.approx(0.1, rel=0.2)


def test_a_view_is_in_double_precision(policy):
    """A change of 1e-12 of the weights is seen; float32 anywhere would round it away."""
    batch, *_, gradient = gradient_of(policy)
    slope = policy.derivative(policy.weights, gradient, batch).entropy
    near = (
        policy.view(moved(policy.weights, gradient, 1e-9), batch).entropy - policy.view(policy.weights, batch).entropy
    )
    torch.testing.assert_close(near / 1e-9, slope, rtol=1e-4, atol=1e-5)


def test_padding_and_micro_batches_change_nothing(policy, tmp_path):
    batch, _ = random_batch(policy)
    one_by_one = small_policy(tmp_path, micro_batch=1).view(policy.weights, batch)
    torch.testing.assert_close(one_by_one.entropy, policy.view(policy.weights, batch).entropy, rtol=1e-12, atol=1e-12)
    assert not one_by_one.entropy[~batch.mask].any()


@pytest.mark.parametrize("kind", RULES)
def test_a_step_is_linear_in_the_gradient_and_in_the_rate(policy, kind):
    *_, gradient = gradient_of(policy)
    first = step(RULES[kind], 0.01, policy.weights, gradient, None)
    made = step(RULES[kind], 0.1, first.weights, gradient, first.state)  # with moments
    for rate in (1e-3, 0.1):
        expected = moved(first.weights, direction(made, gradient), rate)
        after = step(RULES[kind], rate, first.weights, gradient, first.state).weights
        for name in after:
            torch.testing.assert_close(after[name], expected[name], rtol=1e-11, atol=1e-13)


def test_torch_itself_makes_the_step(policy):
    """Two steps of AdamW with clipping by torch's own loop over the model's parameters."""
    *_, gradient = gradient_of(policy)
    parameters = {name: torch.nn.Parameter(value.clone()) for name, value in policy.weights.items()}
    optimiser = torch.optim.AdamW(parameters.values(), lr=0.02, betas=(0.9, 0.999), eps=1e-3, weight_decay=0.01)
    weights, state = policy.weights, None
    for scale in (1.0, 30.0):  # the second gradient is longer than the clip
        for name, parameter in parameters.items():
            parameter.grad = scale * gradient[name]
        torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        optimiser.step()
        made = step(ADAMW, 0.02, weights, {name: scale * value for name, value in gradient.items()}, state)
        weights, state = made.weights, made.state
    for name, parameter in parameters.items():
        torch.testing.assert_close(weights[name], parameter.detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", RULES)
@pytest.mark.parametrize("name", ["grpo", "entropy_bonus"])
def test_the_tokens_add_up_to_the_step(policy, kind, name):
    """Of the mean entropy, and of one state's entropy by its sources."""
    batch, update, view, sensitivity, gradient = gradient_of(policy, name)
    unit = step(RULES[kind], 1.0, policy.weights, gradient, None)
    slope = policy.derivative(policy.weights, direction(unit, gradient), batch).entropy
    zero = torch.zeros_like(view.entropy)
    of_entropy = policy.gradient(policy.weights, batch, View(zero, batch.mask.double(), zero))
    caused = caused_by_tokens(policy, policy.weights, batch, sensitivity.gradient, unit.factor, of_entropy)
    assert caused.sum().item() + inner(unit.carried, of_entropy) == pytest.approx(slope.sum().item(), rel=1e-10)
    state = (3, int(batch.mask[3].sum()) - 1)
    found = state_change(policy, policy.weights, batch, update, sensitivity.gradient, unit.factor, unit.carried, state)
    assert found.total == pytest.approx(slope[state].item(), rel=1e-9)
    assert all(abs(found.signed[source]) <= found.absolute[source] + 1e-15 for source in found.signed)


@pytest.fixture(scope="module")
def findings(policy) -> Findings:
    batch, responses = random_batch(policy)
    method = build("grpo", {})
    rules = {"sgd": (SGD, [1e-3, 0.1]), "adamw": (ADAMW, [1e-3, 0.1])}
    return probe(policy, batch, responses, method, setting(method, rules))


def test_every_partition_adds_up_to_the_exact_change(findings):
    places = [(row["update"], row["optimiser"], row["learning_rate"]) for row in findings.steps]
    assert {update for update, *_ in places} == {1, 2} and len(places) == 8
    for place, whole in zip(places, findings.steps, strict=True):
        rows = [r for r in findings.parts if (r["update"], r["optimiser"], r["learning_rate"]) == place]
        outside = {row["part"]: row["caused"] for row in rows if row["partition"] == "all"}
        for partition in ("region", "probability", "clip", "ratio"):
            own = [row for row in rows if row["partition"] == partition]
            caused = sum(row["caused"] for row in own) + outside["momentum and weight decay"] + outside["remainder"]
            assert caused == pytest.approx(whole["change"], abs=1e-6 * max(abs(whole["change"]), 1e-3))
            assert sum(row["happened"] for row in own) == pytest.approx(whole["change"], abs=1e-12)
            assert sum(row["share"] for row in own) == pytest.approx(1)


def test_the_first_update_is_on_policy_and_the_last_is_not(findings):
    shares = {
        update: {
            row["part"]: row["share"]
            for row in findings.parts
            if row["update"] == update and row["partition"] == "ratio"
        }
        for update in (1, 2)
    }
    assert shares[1]["r = 1"] == pytest.approx(1) and shares[2]["r = 1"] < 0.5
    events = {update: sum(r["tokens"] for r in findings.clip_events if r["update"] == update) for update in (1, 2)}
    clipped = {
        u: sum(r["clipped_positive"] + r["clipped_negative"] for r in findings.clip_events if r["update"] == u)
        for u in (1, 2)
    }
    assert events[1] > 0 and clipped[1] == 0 and clipped[2] > 0
    momentum = [row for row in findings.parts if row["part"] == "momentum and weight decay" and row["update"] == 2]
    assert all((row["caused"] == 0) == (row["optimiser"] == "sgd") for row in momentum)


def test_the_clip_takes_the_gradient_of_what_it_holds(findings):
    held = [row for row in findings.parts if row["partition"] == "clip" and row["part"].startswith("clipped")]
    assert any(row["share"] for row in held) and not any(row["caused"] for row in held)


def test_the_residual_grows_with_the_step(findings):
    residual = {(r["update"], r["optimiser"], r["learning_rate"]): r["residual"] for r in findings.steps}
    for update in (1, 2):
        for optimiser in ("sgd", "adamw"):
            assert residual[update, optimiser, 1e-3] < residual[update, optimiser, 0.1]


def test_a_row_a_token_with_all_that_is_known_of_it(findings):
    places = [(row["response"], row["position"]) for row in findings.tokens]
    assert places == sorted(set(places))
    first = findings.steps[0]
    changes, derivatives = (np.array([row[name] for row in findings.tokens]) for name in ("change", "directional"))
    assert changes.mean() == pytest.approx(first["change"], rel=1e-9)
    assert derivatives.mean() == pytest.approx(first["first_order"], rel=1e-9)
    assert sum(row["caused"] for row in findings.tokens) == pytest.approx(first["first_order"], rel=1e-9)


@pytest.mark.parametrize(
    "name", ["grpo", "steer", "dr_grpo", "flexible", "kl_cov", "clip_b", "entropic", "gspo", "steer=code"]
)
def test_the_loss_is_that_of_a_mini_batch(name):
    """Value and gradient against the tests' own aggregation, which tests/methods hold to verl's."""
    method, update = method_of(name), random_update(2, state=method_of(name).initial_state())
    reference = random_update(2, state=method.initial_state())
    size = len(update.response_mask)
    view = View(update.log_prob.detach(), update.entropy.detach(), torch.zeros_like(update.entropy))
    found = MiniBatchLoss(method, size, update.response_mask.shape[1]).sensitivity(_plain(update), view)
    loss = mean_loss(method, reference)
    assert found.loss == pytest.approx(loss.item(), rel=1e-12)
    (expected,) = torch.autograd.grad(loss, reference.logits)
    again = random_update(2, state=method.initial_state())
    through = (found.gradient.log_prob * again.log_prob + found.gradient.entropy * again.entropy).sum()
    torch.testing.assert_close(torch.autograd.grad(through, again.logits)[0], expected, rtol=1e-9, atol=1e-12)
    parts = MiniBatchLoss(method, size // 2, update.response_mask.shape[1]).sensitivity(_plain(update), view)
    if not method.depends_on_micro_batches:
        assert parts.loss == pytest.approx(found.loss, rel=1e-12)
    assert torch.equal(found.counts, prepared(method, reference).mask)


def _plain(update: DifferentiableUpdate):
    """The update without its logits, as the probes have it."""
    return Update(**{item.name: getattr(update, item.name) for item in fields(Update)})
