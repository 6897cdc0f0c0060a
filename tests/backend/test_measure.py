"""What is measured of a step, on responses made by hand."""

import math
from dataclasses import replace

import pytest
import torch

from stages.artifacts.steps import COLUMNS
from stages.backend.measure import TokenClasses, engine_gap, measure
from tests.batches import random_update


def test_entropy_by_place_and_quantile():
    responses = random_update()
    mask = torch.zeros_like(responses.response_mask)
    mask[0, :5], mask[1, :1] = True, True  # the halves of five tokens are three and two, of one token one and none
    entropy = torch.zeros_like(responses.old_entropy)
    entropy[0, :5], entropy[1, 0] = torch.arange(1.0, 6.0), 9.0
    log_prob = torch.full_like(responses.old_log_prob, math.log(0.6))
    log_prob[0, :2] = math.log(0.4)
    made = replace(responses, response_mask=mask, old_entropy=entropy, old_log_prob=log_prob, engine_log_prob=log_prob)
    found = measure(made, TokenClasses())
    assert found["entropy_first_half"] == pytest.approx((1 + 2 + 3 + 9) / 4)
    assert found["entropy_second_half"] == pytest.approx((4 + 5) / 2)
    assert found["entropy_quantile_80"] == pytest.approx(5.0)  # of 1, 2, 3, 4, 5, 9
    assert found["unlikely_fraction"] == pytest.approx(2 / 6)
    assert found.keys() <= COLUMNS.keys()
    one = mask.clone()
    one[0, 1:] = False
    assert "entropy_second_half" not in measure(replace(made, response_mask=one), TokenClasses())


def test_an_engine_that_computes_in_bfloat16_shows_in_the_gap():
    generator = torch.Generator().manual_seed(1)
    logits = 4 * torch.randn(64, 32, 50, generator=generator, dtype=torch.float64)
    chosen = torch.distributions.Categorical(logits=logits).sample()[..., None]
    mask = torch.rand(64, 32, generator=generator) < 0.9
    exact, rounded = (
        values.log_softmax(-1).gather(-1, chosen)[..., 0] for values in (logits, logits.bfloat16().double())
    )
    same, other = engine_gap(exact, exact, mask), engine_gap(exact, rounded, mask)
    names = {"engine_log_prob_difference", "engine_log_prob_largest", "engine_kl", "engine_ratio_outside"}
    assert same == dict.fromkeys(names, 0)
    assert other["engine_log_prob_difference"] > 1e-3 and other["engine_kl"] > 0
    difference = (exact - rounded)[mask]
    assert other["engine_log_prob_difference"] == pytest.approx(difference.abs().mean().item())
    assert other["engine_log_prob_largest"] == difference.abs().max() > other["engine_log_prob_difference"]
    assert other["engine_kl"] == pytest.approx((difference.exp() - 1 - difference).mean().item())


def test_ratios_outside_one_half_to_two_are_counted():
    ratio = torch.tensor([[0.49, 0.51, 1.0, 1.99, 2.01]]).log()
    gap = engine_gap(ratio, torch.zeros(1, 5), torch.ones(1, 5, dtype=torch.bool))
    assert gap["engine_ratio_outside"] == pytest.approx(2 / 5)
