from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.statistics import avg_at_k, one_model_interval, pass_at_k

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
