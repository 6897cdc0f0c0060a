"""Choosing one of several checkpoints by its score, and by how much that score is too high for it.

Shapes: `correct` is a list of [checkpoints, problems, samples a problem], one a benchmark, of 0 and 1.
"""

import numpy as np

DRAWS = 200  # random halves


def mean_scores(correct: list[np.ndarray]) -> np.ndarray:
    """[checkpoints] the mean over benchmarks of avg@k."""
    return np.mean([table.mean(axis=(1, 2)) for table in correct], axis=0)


def chosen(correct: list[np.ndarray]) -> int:
    """The checkpoint with the highest mean score; of equals, the first."""
    return int(np.argmax(mean_scores(correct).round(12)))  # sums of the same shares in another order are equal


def optimism(correct: list[np.ndarray], seed: int) -> float | None:
    """By how much the score of the chosen checkpoint falls when the same problems are sampled again.

    The samples of each problem are halved at random; one half chooses, and the chosen checkpoint's score on it is compared
    with that on the other half. Mean over `DRAWS` random halves, each used both ways, so that it is also the mean over
    which half came first. Half of the samples choose, so with all of them the fall is smaller. None if a problem has one
    sample.
    """
    if any(table.shape[2] < 2 for table in correct):
        return None
    draw, falls = np.random.default_rng(seed), []
    for _ in range(DRAWS):
        first, second = [], []
        for table in correct:
            order = draw.permuted(np.tile(np.arange(table.shape[2]), (table.shape[1], 1)), axis=1)
            shuffled = np.take_along_axis(table, np.broadcast_to(order, table.shape), axis=2)
            half = table.shape[2] // 2
            first.append(shuffled[:, :, :half])
            second.append(shuffled[:, :, half : 2 * half])
        for one, other in ((first, second), (second, first)):
            best = chosen(one)
            falls.append(mean_scores(one)[best] - mean_scores(other)[best])
    return float(np.mean(falls))
