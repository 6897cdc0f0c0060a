"""avg@k, pass@k, and how often the intervals of scores and gains cover the truth."""

from fractions import Fraction
from itertools import combinations, pairwise
from math import comb

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stages.statistics import (
    avg_at_k,
    greatest_sampling_error,
    honest_difference,
    one_model_interval,
    paired_interval,
    pass_at_k,
    pool_gains,
    pool_seeds,
    seed_interval,
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


def test_intervals_of_seeds_and_of_paired_gains_are_students():
    scores, _ = layout()
    interval = seed_interval(scores[0])
    assert (interval.low, interval.high) == pytest.approx(tuple(stats.ttest_1samp(scores[0], 0).confidence_interval()))
    gain = seed_interval(scores[1] - scores[0])
    assert (gain.low, gain.high) == pytest.approx(tuple(stats.ttest_rel(scores[1], scores[0]).confidence_interval()))


def test_the_honest_difference_of_two_methods_is_the_paired_t_test_s():
    scores, _ = layout()
    gain = seed_interval(scores[1] - scores[0])
    assert honest_difference(scores[:2]) == pytest.approx((gain.high - gain.low) / 2)


def test_one_time_in_twenty_any_pair_of_equal_methods_is_told_apart():
    """What a seed does to all of them is far larger than what is left."""
    rng, methods, seeds, draws = np.random.default_rng(5), 6, 3, SIMULATIONS
    shift = rng.normal(0, 10, size=(draws, 1, seeds))
    runs = rng.normal(size=(draws, methods, seeds)) + shift
    factor = honest_difference(runs[0]) / np.sqrt(
        pool_gains(runs[0]).variance
    )  # the same for all; its quantile takes 0.2 s
    apart = [np.ptp(table.mean(axis=1)) > factor * np.sqrt(pool_gains(table).variance) for table in runs]
    assert np.mean(apart) == pytest.approx(0.05, abs=0.012)  # its standard error is 0.0034


def simulated_runs(rng, seeds, seed_effect, runs=SIMULATIONS, problems=30, k=32):
    """(scores [runs, seeds] on fixed problems, each run's true mean): solve rates shift alike from seed to seed."""
    rates = rng.uniform(0.15, 0.85, size=(runs, 1, problems))
    shift = rng.normal(0, seed_effect, size=(runs, seeds, 1))
    return rng.binomial(k, np.clip(rates + shift, 0, 1)).mean(axis=-1) / k, rates.mean(axis=(1, 2))


def coverage(low, high, truth):
    return float(np.mean((low <= truth) & (truth <= high)))


def test_seed_interval_covers_where_a_binomial_one_does_not():
    scores, truth = simulated_runs(np.random.default_rng(2), seeds=3, seed_effect=0.025)
    low, high, _ = np.transpose([seed_interval(means) for means in scores])
    assert 0.93 <= coverage(low, high, truth) <= 0.97
    share, samples = scores.mean(axis=1), 30 * 32 * 3
    reach = 1.96 * np.sqrt(share * (1 - share) / samples)
    assert coverage(share - reach, share + reach, truth) < 0.80


def test_pairing_by_sample_covers_and_is_as_narrow_as_the_texts_are_alike():
    """Two models of one rate a problem; `same` of the samples are the same text. The truth is that they do not differ."""
    rng = np.random.default_rng(7)
    rates = rng.uniform(size=(30, 1))
    for same in (0.0, 0.9):
        hits, widths, alone = 0, [], []
        for _ in range(1000):
            ours, other = rng.random((2, 30, 32)) < rates
            theirs = np.where(rng.random((30, 32)) < same, ours, other)
            interval = paired_interval(ours, theirs)
            hits += interval.low <= 0 <= interval.high
            widths.append(interval.standard_error)
            alone.append(np.hypot(*(one_model_interval(each).standard_error for each in (ours, theirs))))
        assert 0.93 < hits / 1000 < 0.97
        assert np.mean(widths) / np.mean(alone) == pytest.approx(np.sqrt(1 - same), abs=0.02)


def test_pairs_by_hand():
    # differences (0, 0, 1, 1) and (0, 0, 0, 0): variances 1/3 and 0, SE^2 = (1/3) / 4 / 4
    interval = paired_interval([[1, 0, 1, 1], [1, 1, 0, 0]], [[1, 0, 0, 0], [1, 1, 0, 0]])
    assert interval.standard_error == pytest.approx(np.sqrt(1 / 3 / 4) / 2)
    assert (interval.low + interval.high) / 2 == pytest.approx(0.25)
    assert paired_interval([[1], [0]], [[0], [0]]) is None
    with pytest.raises(ValueError):
        paired_interval([[1, 0]], [[1, 0, 1]])


@given(tables.filter(lambda table: len(table[0]) > 1))
def test_one_sample_a_problem_varies_by_no_more_than_is_said(table):
    k, problems = len(table[0]), len(table)
    of_one = np.sqrt(sum(np.mean(row) * (1 - np.mean(row)) for row in table)) / problems  # the shares taken as true
    assert of_one <= greatest_sampling_error(avg_at_k(table), problems) + 1e-12 and k > 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: seed_interval([1.0, np.nan, 2.0]),
        lambda: seed_interval([1.0]),
        lambda: pool_seeds([[1.0], [2.0]]),
        lambda: pool_gains([[1.0, 2.0]]),
        lambda: honest_difference([[1.0, 2.0]]),
    ],
)
def test_what_has_no_answer_is_refused(call):
    with pytest.raises(ValueError):
        call()
