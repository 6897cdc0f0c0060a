"""The rule that judges one published number, and what Holm's correction withdraws."""

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from stages.protocols.differences import Difference
from stages.statistics import pool_seeds
from stages.verdicts import Verdict, after_holm, judge, seeds_needed
from stages.verdicts.judge import INCONCLUSIVE, NOT_COMPARABLE, NOT_REPRODUCED, REPRODUCED


def test_the_rule_in_its_order():
    three, two = np.array([30.0, 31.0, 32.0]), np.array([30.0, 31.0])
    differs = [Difference("temperature", "1.0", "0.7")]
    assert judge(two, 99, None, None, 1.0, 12, 3, differs).kind == INCONCLUSIVE  # too few seeds come first
    verdict = judge(np.full(3, np.nan), 31, None, None, np.nan, 12, 3, differs)  # scores are not read
    assert (verdict.kind, verdict.difference, verdict.half_width) == (NOT_COMPARABLE, None, None)
    assert "temperature is 1.0 here, 0.7 there" in verdict.reason
    verdict = judge(three, 30, None, None, 1.0, 12, 3, [])
    half = stats.t.ppf(0.975, 12) * np.sqrt(1 / 3 + 1)
    assert (verdict.kind, verdict.difference) == (REPRODUCED, 1.0) and verdict.half_width == pytest.approx(half)
    assert verdict.text == "reproduced within ±2.5"
    assert judge(three, 28, None, None, 1.0, 12, 3, []).kind == NOT_REPRODUCED
    assert judge(three, 30, None, None, 1.0, 12, 2, []).kind == INCONCLUSIVE
    assert "wider than the 2 allowed" in judge(three, 30, None, None, 1.0, 12, 2, []).reason


def test_what_the_paper_prints_of_its_variance_enters_the_interval():
    three, t = np.array([30.0, 31.0, 32.0]), stats.t.ppf(0.975, 12)
    assert judge(three, 30, None, 2, 1.0, 12, 3, []).half_width == pytest.approx(t * np.sqrt(1 / 3 + 1 / 2))
    assert judge(three, 30, 2.0, 4, 1.0, 12, 3, []).half_width == pytest.approx(t * np.sqrt(1 / 3 + 4 / 4))


def test_how_many_seeds_would_decide():
    """By Student's table, sd 1, six methods, one published run, so h = t(6 (S - 1)) · √(1/S + 1).

    S = 6: t(30) = 2.0423, h = 2.206; S = 7: t(36) = 2.0281, h = 2.168.
    """
    assert (seeds_needed(1, 6, 1, 2.206), seeds_needed(1, 6, 1, 2.205)) == (6, 7)
    assert seeds_needed(1, 6, 1, 2.6) == 3  # fewer are never judged
    assert seeds_needed(1, 6, 1, 1.95) is None  # 1.96 is the published run's own
    assert seeds_needed(1, 6, 0.25, 1.95) is not None


def test_the_seeds_that_are_asked_for_decide():
    pattern = np.array([-1.0, 1.0] * 4)[:7]
    sd, degrees = 1.0, 6
    assert "; 7 seeds of every method would narrow it to that, if their standard deviation stays 1.0" in (
        judge(pattern[:3], 0, None, None, sd, 2 * degrees, 2.2, []).reason
    )
    kinds = [judge(pattern[:n], 0, None, None, sd, degrees * (n - 1), 2.2, []).kind for n in (3, 6, 7)]
    assert kinds == [INCONCLUSIVE, INCONCLUSIVE, REPRODUCED]
    verdict = judge(pattern[:3], 0, None, None, sd, 2 * degrees, 1.9, [Difference("prompt", "a", "unknown", False)])
    assert "100 seeds would not be enough, as ±2.0 are the published number's own" in verdict.reason
    assert verdict.reason.endswith("; not stated on one side: prompt")


def test_seeds_that_do_not_differ_say_nothing_of_chance():
    """pass@64 on 40 questions moves in steps of 2.5 points: three seeds may agree to the digit."""
    verdict = judge(np.full(3, 97.5), 90.0, None, None, 0.0, 4, 3.0, [])
    assert (verdict.kind, verdict.difference, verdict.half_width, verdict.p) == (INCONCLUSIVE, 7.5, None, None)
    assert "no seed differs" in verdict.reason


def test_an_unknown_field_decides_nothing_and_is_named():
    verdict = judge(
        np.array([30.0, 31.0, 32.0]), 30, None, None, 1.0, 12, 3, [Difference("prompt", "a", "unknown", False)]
    )
    assert verdict.kind == REPRODUCED and "not stated on one side: prompt" in verdict.reason


@pytest.mark.parametrize(
    "ours, published, sd, degrees", [([1, np.nan, 2], 3, 1, 4), ([1, 2, 3], np.nan, 1, 4), ([1, 2, 3], 3, 1, 0)]
)
def test_the_rule_refuses_what_is_no_number(ours, published, sd, degrees):
    with pytest.raises(ValueError):
        judge(np.array(ours), published, None, None, sd, degrees, 3, [])


@pytest.mark.parametrize(
    "sd, width, gap, rates",
    [
        (2.5, 7, 0, (0.70, 0.05, 0.25)),
        (2.5, 7, 10, (0.06, 0.89, 0.06)),
        (1.0, 3, 0, (0.80, 0.05, 0.15)),
        (1.0, 3, 6, (0.001, 0.997, 0.002)),
    ],
)
def test_verdict_rates_of_the_rule(sd, width, gap, rates):
    """Six methods, three seeds, one published run. The rates to meet were simulated elsewhere."""
    rng = np.random.default_rng(7)
    count = Counter()
    for _ in range(5000):
        scores = rng.normal(40, sd, size=(6, 3))
        pooled = pool_seeds(scores)
        printed = rng.normal(40 - gap, sd)
        count[judge(scores[0], printed, None, None, np.sqrt(pooled.variance), pooled.degrees, width, []).kind] += 1
    found = [count[kind] / 5000 for kind in (REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE)]
    assert found == pytest.approx(rates, abs=0.025)


def test_holm_withdraws_what_does_not_stand_in_the_family():
    ps = [0.001, 0.02, 0.03, 0.6]
    family = [Verdict(NOT_REPRODUCED if p < 0.05 else REPRODUCED, 5.0, 4.0, "beyond", p) for p in ps]
    family.append(Verdict(NOT_COMPARABLE, None, None, "differs"))
    # by hand: .001 · 4 = .004; .02 · 3 = .06; then never smaller
    final = after_holm(family)
    assert [verdict.kind for verdict in final] == [
        NOT_REPRODUCED,
        INCONCLUSIVE,
        INCONCLUSIVE,
        REPRODUCED,
        NOT_COMPARABLE,
    ]
    assert "4 headline verdicts (p 0.06)" in final[1].reason
    assert after_holm([]) == []
