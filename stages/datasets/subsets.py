"""Which problems of a training set a subset takes: some at random, or those of its largest clusters."""

import random

import numpy as np


def at_random(count: int, prompts: int, seed: str) -> list[int]:
    """`prompts` of the positions 0 to `count` - 1, ascending, the same for the same seed."""
    return sorted(random.Random(seed).sample(range(count), prompts))


def largest_clusters(labels: np.ndarray, largest: int) -> list[int]:
    """The positions in the `largest` most frequent clusters of `labels`, ascending; of equals the lower label first."""
    found, sizes = np.unique(labels, return_counts=True)
    chosen = found[np.argsort(-sizes, kind="stable")[:largest]]
    return np.flatnonzero(np.isin(labels, chosen)).tolist()
