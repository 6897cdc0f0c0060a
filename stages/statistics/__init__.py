"""Scores and their uncertainty. Pure functions of arrays; needs numpy and scipy only, because grading uses it too.

scores.py      avg@k and pass@k
intervals.py   intervals for scores and gains, variances over seeds pooled over methods, and what tells all pairs apart
calibration.py confidence of the vote over samples against its being right
contrasts.py   ours less a published number: its error, and which differences so many seeds can find

An interval is of one of three kinds, and must be printed with its kind:
same questions   over training seeds, on these very problems: "did we reproduce it?" (`seed_interval`)
one model only   sampling noise alone: "training variance unknown" (`one_model_interval`)
paired samples   sampling noise of the difference of two models that were sampled with the same seeds (`paired_interval`)
"""

from stages.statistics.calibration import Bin, Votes, brier_score, expected_calibration_error, reliability, votes
from stages.statistics.contrasts import (
    Error,
    least_difference,
    planned_error,
    seeds_for_equivalence,
    seeds_to_find,
    trained_error,
)
from stages.statistics.intervals import (
    Interval,
    Pooled,
    greatest_sampling_error,
    honest_difference,
    one_model_interval,
    paired_interval,
    pool_gains,
    pool_seeds,
    seed_interval,
)
from stages.statistics.scores import avg_at_k, pass_at_k

__all__ = [
    "Bin",
    "Error",
    "Interval",
    "Pooled",
    "Votes",
    "avg_at_k",
    "brier_score",
    "expected_calibration_error",
    "greatest_sampling_error",
    "honest_difference",
    "least_difference",
    "one_model_interval",
    "paired_interval",
    "pass_at_k",
    "planned_error",
    "pool_gains",
    "pool_seeds",
    "reliability",
    "seed_interval",
    "seeds_for_equivalence",
    "seeds_to_find",
    "trained_error",
    "votes",
]
