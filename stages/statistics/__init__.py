"""Scores and their uncertainty. Pure functions of arrays; needs numpy and scipy only, because grading uses it too.

scores.py      avg@k and pass@k
intervals.py   intervals: same questions, new questions, one model only; pooled variances; paired gains
power.py       how many seeds resolve how many points
multiple.py    Holm's correction
bootstrap.py   interquartile mean; resampling of whole seeds or whole questions

Every interval is of one of three kinds, and must be printed with its kind:
same questions   over training seeds, on these very problems: "did we reproduce it?" (`seed_interval`, `gain_interval`)
new questions    clustered by problem: "does it generalise?" (`question_interval`)
one model only   sampling noise alone: "training variance unknown" (`one_model_interval`)
"""

from stages.statistics.bootstrap import bootstrap_iqm, bootstrap_means, interquartile_mean, percentile_interval
from stages.statistics.intervals import (
    Interval,
    Pooled,
    gain_interval,
    one_model_interval,
    pool_gains,
    pool_seeds,
    question_interval,
    seed_interval,
)
from stages.statistics.multiple import holm
from stages.statistics.power import power, seeds_needed
from stages.statistics.scores import avg_at_k, pass_at_k

__all__ = [
    "Interval",
    "Pooled",
    "avg_at_k",
    "bootstrap_iqm",
    "bootstrap_means",
    "gain_interval",
    "holm",
    "interquartile_mean",
    "one_model_interval",
    "pass_at_k",
    "percentile_interval",
    "pool_gains",
    "pool_seeds",
    "power",
    "question_interval",
    "seed_interval",
    "seeds_needed",
]
