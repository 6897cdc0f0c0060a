"""The published estimates in closed form, against the bench's own methods, and against logits of their own."""

import math

import numpy as np
import pytest
import torch

from stages.artifacts.probes import ESTIMATES
from stages.methods import build
from stages.probes.agreement import agreement, over_batches
from stages.probes.estimates import estimates
from stages.probes.policy import View
from tests.batches import random_update


def on_policy(probabilities: list[float], advantages: list[float]) -> dict[str, torch.Tensor]:
    """Name -> [V] the estimate for each word of one state, on-policy: response i is the word i."""
    size = len(probabilities)
    update = random_update(1, responses=size, length=1)
    logits = torch.tensor(probabilities, dtype=torch.float64).log()
    entropy = -(logits.exp() * logits).sum()
    spread = (logits.exp() ** 2 * (logits + entropy)).sum()
    column = logits[:, None]
    for name, value in {
        "response_mask": torch.ones(size, 1, dtype=torch.bool),
        "old_log_prob": column,
        "old_entropy": entropy.expand(size, 1),
        "advantages": torch.tensor(advantages, dtype=torch.float64)[:, None],
    }.items():
        object.__setattr__(update, name, value)
    view = View(column, entropy.expand(size, 1), spread.expand(size, 1))
    return {name: value[:, 0] for name, value in estimates(update, view, 0.2, 0.2).items()}


def test_two_words_in_closed_form():
    """The published counterexample to OPEFO's eq. 6: it prints −.115340 where the exact change is −.070978."""
    p, found = torch.tensor([0.8, 0.2], dtype=torch.float64), on_policy([0.8, 0.2], [0.2, -0.8])
    expected = {"opefo": -0.115340, "flexible_full": -0.070978, "steer_times_p": -0.035489, "steer_eq9": -0.150829}
    for name, value in expected.items():
        assert (p * found[name]).sum().item() == pytest.approx(value, abs=5e-7), name


def test_estimates_that_are_one_on_policy():
    found = on_policy([0.5, 0.3, 0.2], [1.0, -0.5, 0.25])
    torch.testing.assert_close(found["opefo"], found["steer_older"])
    torch.testing.assert_close(found["steer_released"], found["steer_eq9"])
    p = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    surprise = p.log() - (p * p.log()).sum()
    torch.testing.assert_close(
        found["flexible_first"], -torch.tensor([1.0, -0.5, 0.25], dtype=torch.float64) * p * surprise
    )
    mean = p.log().mean()
    assert found["covariance"][0].item() == pytest.approx(-(1 - 0.25) * (math.log(0.5) - mean.item()))


def test_the_full_form_is_exact_for_a_state_with_logits_of_its_own():
    """Three words: the derivative of H along A times the gradient of ln p of the word."""
    probabilities, advantages = [0.6, 0.3, 0.1], [0.7, -1.2, 2.0]
    found, logits = on_policy(probabilities, advantages), torch.tensor(probabilities, dtype=torch.float64).log()
    for word, advantage in enumerate(advantages):
        along = advantage * (torch.eye(3, dtype=torch.float64)[word] - logits.softmax(-1))

        def entropy(at: torch.Tensor) -> torch.Tensor:
            log_probs = at.log_softmax(-1)
            return -(log_probs.exp() * log_probs).sum()

        _, slope = torch.func.jvp(entropy, (logits,), (along,))
        assert found["flexible_full"][word].item() == pytest.approx(slope.item(), rel=1e-12)


@pytest.mark.parametrize(
    "estimate, variant",
    [("steer_eq9", "paper"), ("steer_older", "paper_older"), ("steer_times_p", "times_p"), ("steer_released", "code")],
)
def test_steer_is_estimated_as_its_method_does(estimate, variant):
    """Off-policy, so that the clip and the two policies tell the variants apart; the method has the size alone."""
    update = random_update(3, spread=0.8)
    method = build("steer", {"variant": variant})
    view = View(update.log_prob.detach(), update.entropy.detach(), torch.zeros_like(update.entropy))
    found = estimates(update, view, *method.clip_range(update))[estimate]
    torch.testing.assert_close(found.abs(), method.entropy_change(update).detach())
    raises = (update.advantages > 0) == (update.log_prob + update.entropy < 0)
    known = (found != 0) & (estimate != "steer_released")
    assert torch.equal((found > 0)[known], raises[known])


def test_opefo_is_estimated_as_its_method_does():
    update = random_update(4, spread=0.0)
    view = View(update.old_log_prob, update.old_entropy, torch.zeros_like(update.old_entropy))
    found = estimates(update, view, 0.2, 0.2)
    torch.testing.assert_close(found["opefo"], build("opefo", {}).entropy_change(update))
    assert set(found) | {"directional"} == set(ESTIMATES)
    assert not any(value[~update.response_mask].any() for value in found.values())


def test_agreement_in_closed_form():
    exact = np.array([1.0, -2.0, 3.0, -4.0])
    assert agreement(5 * exact, exact) == pytest.approx({"pearson": 1, "spearman": 1, "sign": 1, "residual": 0})
    reverse = agreement(-exact, exact, scale=False)
    assert reverse == pytest.approx({"pearson": -1, "spearman": -1, "sign": 0, "residual": 2})
    half = agreement(np.array([1.0, 0.0, 0.0, 0.0]), np.array([3.0, 4.0, 0.0, 0.0]))
    assert half["residual"] == pytest.approx(0.8) and half["sign"] == 1
    cubes = agreement(exact**3, exact)
    assert cubes["spearman"] == pytest.approx(1) and cubes["pearson"] < 1
    nothing = agreement(np.zeros(4), exact)
    assert math.isnan(nothing["pearson"]) and nothing["residual"] == 1


def test_intervals_are_over_batches():
    rows = [{"estimate": "a", "pearson": value} for value in (0.1, 0.2, 0.3)] + [
        {"estimate": "b", "pearson": value} for value in (float("nan"), 0.5)
    ]
    a, b = over_batches(rows, ("estimate",), ("pearson",))
    reach = 4.302653 * 0.1 / math.sqrt(3)  # t of two degrees of freedom
    assert (a["pearson"], a["pearson_low"], a["pearson_high"]) == pytest.approx((0.2, 0.2 - reach, 0.2 + reach))
    assert b == {"estimate": "b", "pearson": 0.5, "pearson_low": None, "pearson_high": None}
