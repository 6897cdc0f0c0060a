"""Whether a model is as sure as it is right: the share of its samples that agree on an answer, against how often that is right.

The confidence in a problem is the vote share of its most frequent answer (self-consistency, arXiv 2203.11171); the outcome is
whether that answer is right.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

BINS = 10


class Votes(NamedTuple):
    """[problems]: the vote share of the most frequent answer, and whether it is right."""

    confidence: np.ndarray
    right: np.ndarray


def votes(answers: Sequence[str | None], correct: Sequence[bool], k: int) -> Votes:
    """Of each problem with an answer. `answers` and `correct` have k entries a problem, one problem after another.

    The share is of all k samples; of equally frequent answers the one that was given first counts. Answers are compared as
    written, and an answer is right when most samples that give it are.
    """
    confidence, right = [], []
    for at in range(0, len(answers), k):
        given = [
            (answer, is_right) for answer, is_right in zip(answers[at : at + k], correct[at : at + k], strict=True)
        ]
        counts = Counter(answer for answer, _ in given if answer is not None)
        if counts:
            winner, times = counts.most_common(1)[0]
            confidence.append(times / k)
            right.append(2 * sum(is_right for answer, is_right in given if answer == winner) > times)
    return Votes(np.array(confidence, dtype=float), np.array(right, dtype=bool))


class Bin(NamedTuple):
    """Problems whose confidence lies in it: how many, their mean confidence, and the share that is right."""

    problems: int
    confidence: float
    right: float


def reliability(found: Votes) -> list[Bin]:
    """The bins (0, 0.1], (0.1, 0.2], … that hold a problem."""
    place = np.clip(np.ceil(found.confidence * BINS - 1e-9).astype(int) - 1, 0, BINS - 1)
    return [
        Bin(int(inside.sum()), float(found.confidence[inside].mean()), float(found.right[inside].mean()))
        for number in range(BINS)
        if (inside := place == number).any()
    ]


def expected_calibration_error(found: Votes) -> float:
    """Σ over bins of (problems in it / all) · |share right − mean confidence| (Guo et al. 2017, arXiv 1706.04599, eq. 3)."""
    return sum(part.problems * abs(part.right - part.confidence) for part in reliability(found)) / len(found.right)


def brier_score(found: Votes) -> float:
    """The mean of (confidence − 1 if right else 0)² (Brier 1950)."""
    return float(((found.confidence - found.right) ** 2).mean())
