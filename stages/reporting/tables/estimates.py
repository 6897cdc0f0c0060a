"""A score with its 95 % interval. Pure; scores are shares in 0–1. Kinds of interval, never mixed in one cell:

one model      sampling noise of one trained model at fixed questions; training variance unknown
paired samples likewise for the difference of two models that were sampled with the same seeds
seeds          mean over S seeds ± t(S−1)·sd/√S: what another training seed would give on the same questions; a gain is
               paired by seed. The method's own standard deviation: methods may differ in it (docs/verdict_errors.md)
none           one sample a problem and one seed: nothing can be said
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri
from scipy.stats import binom

from stages.statistics import avg_at_k, one_model_interval, paired_interval, pass_at_k, seed_interval

LEVEL = 0.95
QUANTILE = float(ndtri((1 + LEVEL) / 2))


class Estimate(NamedTuple):
    value: float
    low: float
    high: float
    interval: str  # "one model", "paired samples", "seeds" or "none"
    error: float = np.nan  # standard error behind the interval


def one_model(correct: np.ndarray) -> Estimate:
    """avg@k of `correct` [problems, k] with the one-model interval, which needs k ≥ 2."""
    interval = one_model_interval(correct, LEVEL)
    if interval is None:
        return Estimate(avg_at_k(correct), np.nan, np.nan, "none")
    return Estimate(avg_at_k(correct), interval.low, interval.high, "one model", interval.standard_error)


def paired(correct: np.ndarray, reference: np.ndarray) -> Estimate:
    """avg@k less another model's, both [problems, k], the samples of a place drawn with the same seed; needs k ≥ 2."""
    interval = paired_interval(correct, reference, LEVEL)
    value = avg_at_k(correct) - avg_at_k(reference)
    if interval is None:
        return Estimate(value, np.nan, np.nan, "none")
    return Estimate(value, interval.low, interval.high, "paired samples", interval.standard_error)


def one_model_pass(correct: np.ndarray, k: int) -> Estimate:
    """Unbiased pass@k of `correct` [problems, N], k ≤ N, with an interval for the sampling noise of one model.

    A problem with c of N samples right contributes f(c) = 1 − C(N−c,k)/C(N,k). Its variance is that of f(C) for
    C ~ Binomial(N, p) at p = (c+½)/(N+1), summed exactly. The half counts keep a problem that was always right or
    always wrong from counting as certain, so the interval errs on the wide side. A normal quantile, held in [0, 1].
    """
    problems, samples = correct.shape
    value = pass_at_k(correct, k)
    if samples < 2:
        return Estimate(value, np.nan, np.nan, "none")
    error = float(np.sqrt(_pass_variance(samples, k)[correct.sum(1)].sum()) / problems)
    return Estimate(value, max(0.0, value - QUANTILE * error), min(1.0, value + QUANTILE * error), "one model", error)


@cache
def _pass_variance(samples: int, k: int) -> np.ndarray:
    """[N + 1]: the variance of f(C) for a problem of which c = 0…N samples were right."""
    outcomes = np.arange(samples + 1)
    each = np.array([pass_at_k((np.arange(samples) < c)[None, :], k) for c in outcomes])  # f(c)
    chance = binom.pmf(outcomes[None, :], samples, ((outcomes + 0.5) / (samples + 1))[:, None])  # [c, C]
    return (chance @ each**2 - (chance @ each) ** 2).clip(min=0)


def combine(parts: list[Estimate], weights: list[float]) -> Estimate:
    """Weighted sum of independent estimates of one kind; standard errors add in squares."""
    value = sum(weight * part.value for weight, part in zip(weights, parts, strict=True))
    if any(part.interval == "none" for part in parts):
        return Estimate(value, np.nan, np.nan, "none")
    error = float(np.sqrt(sum((weight * part.error) ** 2 for weight, part in zip(weights, parts, strict=True))))
    return Estimate(value, value - QUANTILE * error, value + QUANTILE * error, parts[0].interval, error)


def over_seeds(estimates: list[Estimate]) -> Estimate:
    """One seed: its own estimate. S ≥ 2: mean ± t·sd/√S with S − 1 degrees of freedom."""
    if len(estimates) == 1:
        return estimates[0]
    values = np.array([estimate.value for estimate in estimates])
    low, high, error = seed_interval(values, LEVEL)
    return Estimate(float(values.mean()), float(low), float(high), "seeds", error)
