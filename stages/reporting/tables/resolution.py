"""What so many training seeds can resolve. Pure; in points.

The variance over seeds is pooled over the trained methods here: it says what to expect of a further method or seed, where
no method's own variance is known. It enters no interval and no verdict.
"""

import numpy as np
import pandas as pd

from stages.reporting.tables.gains import AVERAGE, cells, mean_by_seed
from stages.statistics import least_difference, planned_error, pool_gains, pool_seeds, seeds_to_find

COLUMNS = [
    "benchmark",
    "methods",
    "seeds",
    "sd_score",
    "sd_gain",
    "least_gain",
    "least_published_gain",
    "seeds_for_half",
]


def resolution(runs: pd.DataFrame) -> pd.DataFrame:
    """A row the average of benchmarks and a row a benchmark; none for fewer than two methods or seeds.

    `runs`: the table of `by_run`. methods and seeds: how many the variances are of. sd_score and sd_gain: over seeds, of a
    score and of a gain of one method over another of the same seed, in points. least_gain: the smallest true gain that
    a t-test of level 5 % finds in four of five cases with so many seeds; least_published_gain: the smallest true
    difference between our gain and a published one of single runs. seeds_for_half: the seeds that find half of `least_gain`.
    """
    trained = runs[runs["seed"].notna()]
    found = cells(trained)
    whole = [m for m in dict.fromkeys(trained["method"]) if all(m in by_method for by_method in found.values())]
    places = {AVERAGE: {m: mean_by_seed({name: found[name][m] for name in found}) for m in whole}} | found
    rows = []
    for place, by_method in places.items():
        values = {m: {seed: estimate.value for seed, estimate in own.items()} for m, own in by_method.items()}
        table = pd.DataFrame.from_dict(values, orient="index").dropna().to_numpy()
        if min(table.shape) < 2:
            continue
        methods, seeds = table.shape
        score, gain = pool_seeds(100 * table).variance, pool_gains(100 * table).variance
        least = least_difference(planned_error(gain, seeds))
        published = least_difference(planned_error(gain, seeds, 2 * score, rows=2))
        half = seeds_to_find(least / 2, gain) if gain > 0 else None
        rows.append((place, methods, seeds, np.sqrt(score), np.sqrt(gain), least, published, half))
    return pd.DataFrame(rows, columns=COLUMNS).astype({"seeds_for_half": "Int64"})
