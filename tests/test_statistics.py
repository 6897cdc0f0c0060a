from fractions import Fraction
from itertools import combinations, pairwise, product
from math import comb, inf

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestIndPower, TTestPower

from stages.statistics import (
    avg_at_k,
    bootstrap_iqm,
    bootstrap_means,
    gain_interval,
    holm,
    interquartile_mean,
    one_model_interval,
    pass_at_k,
    percentile_interval,
    pool_gains,
    pool_seeds,
    power,
    question_interval,
    seed_interval,
    seeds_needed,
)

SIMULATIONS = 4000  # the standard error of a coverage of 0.95 is 0.0034

tables = st.integers(1, 8).flatmap(
    lambda k: st.lists(st.lists(st.booleans(), min_size=k, max_size=k), min_size=1, max_size=5)
)


@given(tables)
def test_pass_at_k_is_the_share_of_subsets_with_a_right_sample(table):
    n = len(table[0])
    for k in range(1, n + 1):
        shares = [np.mean([any(chosen) for chosen in combinations(row, k)]) for row in table]
        assert pass_at_k(table, k) == pytest.approx(np.mean(shares), abs=1e-12)


@given(tables)
def test_pass_at_1_is_avg_at_k_and_pass_at_k_grows_with_k(table):
    values = [pass_at_k(table, k) for k in range(1, len(table[0]) + 1)]
    assert values[0] == pytest.approx(avg_at_k(table))
    assert all(a <= b + 1e-12 for a, b in pairwise(values))
    assert values[-1] == pytest.approx(np.any(table, axis=1).mean())


def test_pass_at_k_does_not_overflow():
    table = np.zeros((1, 20000))
    table[0, 0] = 1
    assert pass_at_k(table, 10000) == pytest.approx(0.5)


def test_interval_by_hand():
    # x = (.5, 1), k = 4: SE^2 = (.25 + 0) / 3 / 4
    interval = one_model_interval([[1, 1, 0, 0], [1, 1, 1, 1]])
    assert interval.standard_error == pytest.approx(np.sqrt(0.25 / 3 / 4))
    assert interval.low == pytest.approx(0.75 - 1.959964 * interval.standard_error)
    assert interval.high == 1.0


def test_interval_covers_the_rate_it_is_an_interval_for():
    rng = np.random.default_rng(0)
    rates = rng.uniform(size=(30, 1))
    hits = 0
    for _ in range(2000):
        interval = one_model_interval(rng.random((30, 32)) < rates)
        hits += interval.low <= rates.mean() <= interval.high
    assert 0.93 < hits / 2000 < 0.97


def test_one_sample_a_problem_has_no_interval():
    assert one_model_interval([[1], [0]]) is None


@pytest.mark.parametrize("table, k", [([[1, 0]], 3), ([[1, 0]], 0), ([1, 0], 1), ([[]], 1), ([[0.5, 1]], 1)])
def test_what_is_no_table_or_k_is_refused(table, k):
    with pytest.raises(ValueError):
        pass_at_k(table, k)


@pytest.mark.parametrize("n, k", [(64, 1), (64, 8), (64, 64), (675, 32), (4096, 1024)])
def test_pass_at_k_against_exact_fractions(n, k):
    rights = [0, 1, n // 3, n - k, n - 1, n]
    table = np.arange(n) < np.array(rights)[:, None]
    exact = sum(1 - Fraction(comb(n - right, k), comb(n, k)) for right in rights) / len(rights)
    assert pass_at_k(table, k) == pytest.approx(float(exact), rel=1e-10)


def layout(seed=0, methods=6, seeds=3):
    scores = np.random.default_rng(seed).normal(40, 3, size=(methods, seeds))
    frame = pd.DataFrame([(m, s, scores[m, s]) for m in range(methods) for s in range(seeds)], columns=["m", "s", "y"])
    return scores, frame


def test_pooled_variances_are_those_of_the_linear_models():
    scores, frame = layout()
    one_way = smf.ols("y ~ C(m)", frame).fit()
    assert pool_seeds(scores) == pytest.approx((one_way.mse_resid, one_way.df_resid))
    two_way = smf.ols("y ~ C(m) + C(s)", frame).fit()
    assert pool_gains(scores) == pytest.approx((2 * two_way.mse_resid, two_way.df_resid))


def test_seed_and_gain_intervals_are_students():
    scores, frame = layout()
    interval = seed_interval(scores[0])
    assert (interval.low, interval.high) == pytest.approx(tuple(stats.ttest_1samp(scores[0], 0).confidence_interval()))
    gain = gain_interval(scores[1], scores[0])
    assert (gain.low, gain.high) == pytest.approx(tuple(stats.ttest_rel(scores[1], scores[0]).confidence_interval()))
    two_way = smf.ols("y ~ C(m) + C(s)", frame).fit()
    pooled = gain_interval(scores[1], scores[0], pool_gains(scores))
    assert (pooled.low, pooled.high) == pytest.approx(tuple(two_way.conf_int().loc["C(m)[T.1]"]))


def test_question_interval_is_the_cluster_robust_one():
    rng = np.random.default_rng(1)
    table = rng.random((40, 8)) < rng.random((40, 1))
    frame = pd.DataFrame({"y": table.ravel().astype(float), "problem": np.repeat(np.arange(40), 8)})
    fit = smf.ols("y ~ 1", frame).fit(cov_type="cluster", cov_kwds={"groups": frame["problem"]}, use_t=True)
    interval = question_interval(table)
    assert interval.standard_error == pytest.approx(fit.bse.iloc[0])
    assert (interval.low, interval.high) == pytest.approx(tuple(fit.conf_int().iloc[0]))


def simulated_runs(rng, seeds, seed_effect, runs=SIMULATIONS, problems=30, k=32):
    """(scores [runs, seeds] on fixed problems, each run's true mean): solve rates shift alike from seed to seed."""
    rates = rng.uniform(0.15, 0.85, size=(runs, 1, problems))
    shift = rng.normal(0, seed_effect, size=(runs, seeds, 1))
    return rng.binomial(k, np.clip(rates + shift, 0, 1)).mean(axis=-1) / k, rates.mean(axis=(1, 2))


def coverage(low, high, truth):
    return float(np.mean((low <= truth) & (truth <= high)))


def test_seed_interval_covers_where_a_binomial_one_does_not():
    scores, truth = simulated_runs(np.random.default_rng(2), seeds=3, seed_effect=0.025)
    interval = seed_interval(scores)
    assert 0.93 <= coverage(interval.low, interval.high, truth) <= 0.97
    share, samples = scores.mean(axis=1), 30 * 32 * 3
    reach = 1.96 * np.sqrt(share * (1 - share) / samples)
    assert coverage(share - reach, share + reach, truth) < 0.80


def test_pooled_intervals_cover():
    """Six methods, three seeds, in points; a seed moves all methods (sd 2), and each run by itself (sd 2.5)."""
    rng = np.random.default_rng(3)
    level = np.arange(20.0, 50.0, 5.0)[:, None]
    hits = np.zeros(2)
    for _ in range(SIMULATIONS):
        own = level + rng.normal(0, 2.5, size=(6, 3))
        interval = seed_interval(own[2], pool_seeds(own))
        hits[0] += interval.low <= 30 <= interval.high
        scores = own + rng.normal(0, 2, size=3)
        gain = gain_interval(scores[4], scores[0], pool_gains(scores))
        hits[1] += gain.low <= 20 <= gain.high
    assert ((0.93 <= hits / SIMULATIONS) & (hits / SIMULATIONS <= 0.97)).all()


@pytest.mark.parametrize("problems, k", [(30, 32), (500, 4)])
def test_question_interval_covers_the_population_of_problems(problems, k):
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(SIMULATIONS):
        table = rng.random((problems, k)) < rng.beta(0.6, 0.9, size=(problems, 1))  # mean 0.4
        interval = question_interval(table)
        hits += interval.low <= 0.4 <= interval.high
    assert 0.93 <= hits / SIMULATIONS <= 0.97


def test_power_is_that_of_the_noncentral_t():
    assert power(2, 2.5, seeds=5) == pytest.approx(TTestPower().power(2 / 2.5, 5, 0.05), abs=1e-9)
    two = power(2, 2.5, seeds=8, methods=2, other_runs=8)
    assert two == pytest.approx(TTestIndPower().power(2 / 2.5, 8, 0.05), abs=1e-9)


def test_power_is_the_share_of_experiments_that_find_the_difference():
    rng = np.random.default_rng(5)
    found = 0
    for _ in range(SIMULATIONS):
        scores = rng.normal(0, 1, size=(6, 3))
        pooled = pool_seeds(scores)
        error = np.sqrt(pooled.variance * (1 / 3 + 1))
        found += abs(2 + scores[0].mean() - rng.normal()) / error > stats.t.ppf(0.975, pooled.degrees)
    assert found / SIMULATIONS == pytest.approx(power(2, 1, 3, methods=6, other_runs=1), abs=0.03)


@pytest.mark.parametrize("options", [{}, {"methods": 6}, {"other_runs": inf}, {"wanted": 0.95}])
def test_seeds_needed_is_the_fewest_that_suffice(options):
    seeds = seeds_needed(2, 2.5, **options)
    wanted = options.get("wanted", 0.8)

    def reached(count):
        return power(2, 2.5, count, options.get("methods", 1), options.get("other_runs", count))

    assert reached(seeds) >= wanted > reached(seeds - 1)


def test_one_published_run_keeps_its_variance():
    assert seeds_needed(2, 2.5, other_runs=1) is None


@pytest.mark.parametrize("tests", [1, 2, 12])
def test_holm_is_that_of_statsmodels(tests):
    p = np.random.default_rng(tests).beta(0.3, 3, size=tests).round(3)  # small ones, ties among them
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_interquartile_mean_drops_a_quarter_at_either_end():
    assert interquartile_mean([[8, 1, 2, 3, 4, 5, 6, 700]]) == pytest.approx([(3 + 4 + 5 + 6) / 4])


def test_bootstrap_draws_whole_units_for_all_entries_alike():
    values = np.random.default_rng(6).normal(size=(2, 12))
    draws = bootstrap_means(np.stack([values, values]), 4000, seed=1)
    assert draws.shape == (4000, 2, 2)
    assert (draws[:, 0] == draws[:, 1]).all()
    assert draws[:, 0].mean(axis=0) == pytest.approx(values.mean(axis=1), abs=0.02)
    assert draws[:, 0].std(axis=0) == pytest.approx(values.std(axis=1) / np.sqrt(12), rel=0.05)
    assert (draws == bootstrap_means(np.stack([values, values]), 4000, seed=1)).all()
    low, high = percentile_interval(draws)
    assert (low < values.mean(axis=1)).all() and (values.mean(axis=1) < high).all()


def test_bootstrap_iqm_resamples_seeds_with_all_their_benchmarks():
    scores = np.arange(8.0).reshape(1, 2, 4) ** 2
    every = {round(float(interquartile_mean(scores[0, list(pair)].ravel())), 9) for pair in product((0, 1), repeat=2)}
    draws = bootstrap_iqm(scores, 2000, seed=2)
    assert {round(float(value), 9) for value in draws[:, 0]} == every
    mixed = interquartile_mean(scores.ravel())
    assert np.isclose(draws, mixed).mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("seeds, at_least, at_most", [(3, 0.70, 0.82), (30, 0.92, 0.97)])
def test_bootstrap_of_whole_seeds_covers_only_with_many_seeds(seeds, at_least, at_most):
    rng = np.random.default_rng(10)
    hits = 0
    for run in range(1000):
        scores = rng.normal(0, 2.5, size=(seeds, 7)) + rng.normal(0, 1.5, size=(seeds, 1))
        low, high = percentile_interval(bootstrap_means(scores.mean(axis=1), 1000, seed=run))
        hits += low <= 0 <= high
    assert at_least <= hits / 1000 <= at_most


@pytest.mark.parametrize(
    "call",
    [
        lambda: seed_interval([1.0, np.nan, 2.0]),
        lambda: seed_interval([1.0]),
        lambda: pool_seeds([[1.0], [2.0]]),
        lambda: pool_gains([[1.0, 2.0]]),
        lambda: gain_interval([1.0, 2.0], [1.0, 2.0, 3.0]),
        lambda: question_interval([[1.0, 0.0]]),
        lambda: bootstrap_means([[np.nan, 1.0]], 10, 0),
        lambda: bootstrap_iqm([[1.0, 2.0]], 10, 0),
        lambda: power(2, 0, 3),
        lambda: holm([0.1, np.nan]),
    ],
)
def test_what_has_no_answer_is_refused(call):
    with pytest.raises(ValueError):
        call()
