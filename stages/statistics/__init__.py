"""Scores and their uncertainty. Pure functions of arrays; needs numpy and scipy only, because grading uses it too.

scores.py      avg@k and pass@k
intervals.py   intervals for scores and gains, and variances over seeds pooled over methods

An interval is of one of two kinds, and must be printed with its kind:
same questions   over training seeds, on these very problems: "did we reproduce it?" (`seed_interval`)
one model only   sampling noise alone: "training variance unknown" (`one_model_interval`)
"""

from stages.statistics.intervals import Interval, Pooled, one_model_interval, pool_gains, pool_seeds, seed_interval
from stages.statistics.scores import avg_at_k, pass_at_k

__all__ = [
    "Interval",
    "Pooled",
    "avg_at_k",
    "one_model_interval",
    "pass_at_k",
    "pool_gains",
    "pool_seeds",
    "seed_interval",
]
