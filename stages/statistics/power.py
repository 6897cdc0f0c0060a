"""How many training seeds resolve how many points."""

import math

import numpy as np
from scipy import stats

MOST_SEEDS = 10_000


def power(
    difference: float, sd: float, seeds: int, methods: int = 1, other_runs: float = math.inf, level: float = 0.95
) -> float:
    """The chance that the two-sided t-test finds a true `difference` (same unit as `sd`).

    SE² = sd² (1/seeds + 1/other_runs): `other_runs` is how many runs the other number is the mean of: 1 for a published
    number of one run, `seeds` for another method without pairing, infinity for a known value. For a gain paired by
    seed, `sd` is that of the gain. The variance is pooled over `methods`, so the test has methods (seeds - 1) degrees
    of freedom; noncentral t distribution.
    """
    if seeds < 2 or sd <= 0:
        raise ValueError(f"power needs two or more seeds and sd > 0, not {seeds} and {sd}")
    degrees = methods * (seeds - 1)
    noncentrality = abs(difference) / (sd * math.sqrt(1 / seeds + 1 / other_runs))
    critical = stats.t.ppf((1 + level) / 2, degrees)
    upper, lower = stats.nct.sf(critical, degrees, noncentrality), stats.nct.cdf(-critical, degrees, noncentrality)
    return float(np.nan_to_num(upper, nan=1.0) + np.nan_to_num(lower))


def seeds_needed(
    difference: float,
    sd: float,
    methods: int = 1,
    other_runs: float | None = None,
    wanted: float = 0.8,
    level: float = 0.95,
) -> int | None:
    """The fewest seeds (2 or more) whose `power` reaches `wanted`; `other_runs` None means as many as `seeds`.

    None if no number of seeds is enough: against one published run the other side's variance stays.
    """

    def enough(seeds: int) -> bool:
        return power(difference, sd, seeds, methods, seeds if other_runs is None else other_runs, level) >= wanted

    if not enough(MOST_SEEDS):
        return None
    few, many = 1, MOST_SEEDS  # power grows with the number of seeds: bisect
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many
