"""The rule that judges one published number, and what is withdrawn because there are many."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

from stages.statistics import (
    Error,
    least_difference,
    planned_error,
    seeds_for_equivalence,
    seeds_to_find,
    trained_error,
)
from stages.verdicts import Verdict, judge
from stages.verdicts.families import corrected, family_of, holm
from stages.verdicts.judge import EQUIVALENT, INCONCLUSIVE, NOT_COMPARABLE, NOT_REPRODUCED, not_comparable, too_few
from stages.verdicts.scores import Measure

THREE = np.array([[30.0, 31.0, 32.0]])


def test_the_rule_in_its_order():
    error = Error(1.0, 4)  # t(95 %) = 2.132, t(97.5 %) = 2.776
    assert judge(0.8, error, 3.0).kind == EQUIVALENT and judge(0.8, error, 3.0).text == "equivalent within ±3"
    assert judge(0.9, error, 3.0).kind == INCONCLUSIVE
    assert judge(2.7, error, 3.0).kind == INCONCLUSIVE
    verdict = judge(-3.0, error, 3.0)
    assert verdict.kind == NOT_REPRODUCED and verdict.half_width == pytest.approx(stats.t.ppf(0.975, 4))
    assert "the difference is -3.0, 95 % interval [-5.8, -0.2], which is beyond chance" in verdict.reason
    assert not_comparable(["temperature is 1.0 here, 0.7 there"]).kind == NOT_COMPARABLE
    assert too_few(2).kind == INCONCLUSIVE and "2 of at least 3 seeds, 1 missing" in too_few(2).reason


def test_a_difference_beyond_chance_may_be_within_the_margin():
    verdict = judge(2.0, Error(0.5, 30), 3.0)
    assert verdict.kind == EQUIVALENT and "a difference, but one within the margin" in verdict.reason


def test_equivalence_is_two_one_sided_tests():
    """Against statsmodels, one sample of seeds against a number that is known."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        sample, margin = rng.normal(0, 1, size=5), 1.0
        p = DescrStatsW(sample).ttost_mean(-margin, margin)[0]
        error = Error(float(sample.std(ddof=1) / np.sqrt(5)), 4)
        assert (judge(float(sample.mean()), error, margin).kind == EQUIVALENT) == (p < 0.05)


def test_a_claimed_gain_of_nothing_is_never_equivalent():
    assert judge(0.0, Error(1.0, 4), 0.0).kind == INCONCLUSIVE


def test_what_varied_by_nothing_says_nothing_of_chance():
    """pass@64 on 40 questions moves in steps of 2.5 points: three seeds may agree to the digit."""
    verdict = judge(7.5, Error(0.0, 2), 3.0)
    assert (verdict.kind, verdict.difference, verdict.half_width, verdict.p) == (INCONCLUSIVE, 7.5, None, None)
    assert "nothing varied" in verdict.reason


def test_unknown_fields_stand_in_the_verdict():
    verdict = judge(0.0, Error(1.0, 4), 3.0, ["prompt", "top_k"])
    assert verdict.text == "equivalent within ±3, 2 fields unknown"
    assert verdict.reason.endswith("not stated on one side: prompt, top_k")
    assert too_few(1, ["prompt"]).text == "inconclusive, 1 field unknown"


@pytest.mark.parametrize(
    "difference, error, margin", [(np.nan, 1, 1), (1, np.nan, 1), (1, -1, 1), (1, 1, -1), (1, np.inf, 1)]
)
def test_the_rule_refuses_what_is_no_number(difference, error, margin):
    with pytest.raises(ValueError):
        judge(difference, Error(error, 4), margin)


# The error of a difference ----------------------------------------------------------------------------------------


def test_a_score_has_students_error():
    """var (1/S + 1/R) with S - 1 degrees: one published run is one more draw of the same distribution."""
    assert trained_error(THREE) == pytest.approx((np.sqrt(1 / 3 + 1), 2))
    assert trained_error(THREE, runs=2) == pytest.approx((np.sqrt(1 / 3 + 1 / 2), 2))


def test_a_gain_is_paired_here_and_not_there():
    rng = np.random.default_rng(2)
    scores = rng.normal(0, 1, size=(2, 4)) + 5 * rng.normal(size=4)  # a seed moves both
    error = trained_error(scores, runs=3)
    paired, single = (scores[0] - scores[1]).var(ddof=1), scores.var(axis=1, ddof=1).sum()
    assert error.standard == pytest.approx(np.sqrt(paired / 4 + single / 3)) and 3 <= error.degrees <= 6


def test_the_degrees_lie_between_the_paired_tests_and_welchs():
    """Many published runs leave our paired differences alone; many seeds leave the published pair, two groups of Welch."""
    few, many = (
        np.random.default_rng(5).normal(0, [[1.0], [2.0]], (2, 4)),
        np.random.default_rng(6).normal(0, [[1], [2]], (2, 500)),
    )
    assert trained_error(few, runs=10**9).degrees == pytest.approx(3)
    a, b = many.var(axis=1, ddof=1)
    assert trained_error(many).degrees == pytest.approx((a + b) ** 2 / (a**2 + b**2) * 499, rel=0.01)


def test_what_the_paper_prints_of_its_variance_takes_the_place_of_ours():
    error = trained_error(THREE, spread=2.0, spread_runs=4)
    ours, theirs = 1 / 3, 4 / 4
    assert error.standard == pytest.approx(np.sqrt(ours + theirs))
    assert error.degrees == pytest.approx((ours + theirs) ** 2 / (ours**2 / 2 + theirs**2 / 3))


def test_a_known_variance_adds_error_and_degrees():
    plain, more = trained_error(THREE), trained_error(THREE, extra=4.0)
    assert more.standard**2 == pytest.approx(plain.standard**2 + 4) and more.degrees > plain.degrees
    with pytest.raises(ValueError):
        trained_error([[1.0]])


@pytest.mark.parametrize("ratio", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_few_false_alarms_whatever_one_method_varies_by(ratio, rho):
    """The gain of a method of `ratio` times GRPO's variance; `rho` of a score's variance is shared by a seed's methods."""
    rng, false, runs = np.random.default_rng(3), 0, 1500
    scale = np.sqrt([ratio, 1.0])
    for _ in range(runs):
        shared, own = rng.normal(0, np.sqrt(rho), 3), rng.normal(0, np.sqrt(1 - rho), (2, 3))
        scores = (shared + own) * scale[:, None]
        published = rng.normal(0, scale)
        error = trained_error(scores)
        false += judge(float(scores[0].mean() - scores[1].mean() - published[0] + published[1]), error, 0.0).kind == (
            NOT_REPRODUCED
        )
    assert false / runs <= 0.06


def test_what_so_many_seeds_find_against_statsmodels():
    """A paired t-test of S differences of standard deviation 1: power .8 at the difference that is named."""
    for seeds in (3, 5, 12):
        found = least_difference(planned_error(1.0, seeds))
        assert TTestPower().power(found, seeds, 0.05) == pytest.approx(0.8, abs=1e-3)
    assert seeds_to_find(1.0, 1.0) == 10  # statsmodels: 9.94 of them
    assert seeds_to_find(1.0, 1.0, published_variance=1.0) is None  # ±1.96 are the published number's own


def test_how_many_seeds_would_show_an_equivalence():
    needed = seeds_for_equivalence(3.0, 1.0, 0.5)
    rng = np.random.default_rng(4)

    def rate(seeds: int) -> float:
        ours, theirs = rng.normal(0, 1, (4000, seeds)), rng.normal(0, np.sqrt(0.5), 4000)
        kinds = [
            judge(own.mean() - other, trained_error(own[None], runs=2), 3.0).kind
            for own, other in zip(ours, theirs, strict=True)
        ]
        return kinds.count(EQUIVALENT) / 4000

    assert needed is not None and rate(needed) == pytest.approx(0.8, abs=0.08) and rate(needed - 1) < rate(needed)
    assert seeds_for_equivalence(1.0, 1.0, 1.0) is None


# Many verdicts ----------------------------------------------------------------------------------------------------


def test_holm_is_that_of_statsmodels():
    ps = [0.03, 0.001, 0.6, 0.02, 0.02]
    assert holm(ps) == pytest.approx(multipletests(ps, method="holm")[1]) and holm([]) == []


def claim(method: str, average: bool, *benchmarks: str, fixed: bool = False) -> SimpleNamespace:
    row = {"paper": "p", "table": "1", "method": method, "variant": None, "metric": "avg", "run": method}
    measures = [Measure(name, "avg", 32) for name in benchmarks]
    return SimpleNamespace(row=row, average=average, gain=not fixed, fixed=fixed, measures=measures)


def refuted(p: float) -> Verdict:
    return Verdict(NOT_REPRODUCED if p < 0.05 else INCONCLUSIVE, 5.0, 4.0, "beyond", p)


def test_a_gain_is_refuted_in_the_average_first():
    claims = [claim(name, average, *on) for name in "ab" for average, on in ((True, "xy"), (False, "x"), (False, "y"))]
    claims.append(claim("c", False, "x"))  # no average covers it
    ps = [0.001, 0.002, 0.04, 0.3, 0.0001, 0.5, 0.01]
    final = corrected(claims, [refuted(p) for p in ps])
    assert [family_of(each) for each in claims] == ["gains in averages", "gains", "gains"] * 2 + ["gains"]
    # averages .001·2, .3; gains .0001·5, .002·4, .01·3, .04·2, .5
    assert [verdict.kind == NOT_REPRODUCED for verdict in final] == [True, True, False, False, False, False, True]
    assert [verdict.withdrawn for verdict in final] == [False, False, True, False, True, False, False]
    assert "withdrawn after Holm's correction over 5 verdicts (p 0.08)" in final[2].reason
    assert "judged first, is not refuted" in final[4].reason


def test_models_that_nobody_trained_are_a_family_of_their_own():
    claims = [claim("base", False, "x", fixed=True), claim("a", True, "xy")]
    assert all(verdict.kind == NOT_REPRODUCED for verdict in corrected(claims, [refuted(0.04), refuted(0.04)]))
    assert [family_of(each) for each in claims] == ["fixed models", "gains in averages"]
    assert corrected([], []) == []


def test_the_papers_own_claim_is_judged_by_itself():
    """Holm over three others would withdraw it: .03 · 3."""
    claims = [claim(name, True, "x") for name in ("new_way", "a", "b")]
    for each in claims:
        each.row["paper"] = "new-way"
    final = corrected(claims, [refuted(p) for p in (0.03, 0.03, 0.5)])
    assert [family_of(each) for each in claims] == ["own claims", "gains in averages", "gains in averages"]
    assert [verdict.kind for verdict in final] == [NOT_REPRODUCED, INCONCLUSIVE, INCONCLUSIVE]


def test_scores_are_not_corrected_for_their_number():
    claims = [claim(name, False, "x") for name in "abcdef"]
    for each in claims:
        each.gain = False
    assert all(verdict.kind == NOT_REPRODUCED for verdict in corrected(claims, [refuted(0.04)] * 6))
