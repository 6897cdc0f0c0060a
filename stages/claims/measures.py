"""The number that a test asks of one run: a column of its step log, one derived from them, or a score of its model."""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from stages.artifacts.grades import OF_SAMPLES
from stages.artifacts.steps import COLUMNS, OWN

FIRST, LAST = 2, 5  # steps that `start`, and `middle` and `end`, are means over
SMOOTHED = 5  # steps of the mean reward that `reward R` looks at

# name -> what it is; `derived` computes them
DERIVED = {
    "log_prob_gap": "log_prob_correct less log_prob_incorrect, nats",
    "unlikely_among_clipped": "clip_fraction_unlikely over clip_fraction_high + clip_fraction_low, sums over the steps",
    "entropy_change": "the entropy of the next step less that of this one, nats",
}


class Score(NamedTuple):
    """`avg lab_sum`, `pass@8 lab_chain`, `self_bleu lab_sum`: `k` is None but for pass@k."""

    metric: str
    k: int | None
    benchmark: str


class Window(NamedTuple):
    """`first` steps, or `last`, or those in the `middle`, or all; or, at a `reward`, where the mean reward first reaches it."""

    first: int | None = None
    middle: int | None = None
    last: int | None = None
    reward: float | None = None


def score_of(measure: str) -> Score | None:
    """What `measure` names if it is a score, else None."""
    match = re.fullmatch(rf"(avg|{'|'.join(OF_SAMPLES)}|pass@(\d+)) (\S+)", measure)
    return Score(match[1].partition("@")[0], int(match[2]) if match[2] else None, match[3]) if match else None


def check_measure(measure: str) -> None:
    """ValueError where there is no such measure."""
    if score_of(measure) is None and measure not in {*COLUMNS, *DERIVED} and not measure.startswith(OWN):
        raise ValueError(
            f"measure: {measure!r} is neither a column of steps.jsonl, nor {', '.join(DERIVED)}, nor a score such as "
            "`avg lab_sum` or `pass@8 lab_chain`"
        )


def window_of(text: str) -> Window:
    """ValueError where `text` is no window."""
    match = re.fullmatch(r"start|middle|end|all|first (\d+)|reward (0?\.\d+)", text)
    if not match:
        raise ValueError(f"at: {text!r} is none of start, middle, end, all, `first 10`, `reward 0.75`")
    if match[2]:
        return Window(reward=float(match[2]))
    if match[1]:
        return Window(first=int(match[1]))
    return {"start": Window(first=FIRST), "middle": Window(middle=LAST), "end": Window(last=LAST), "all": Window()}[
        text
    ]


def series(steps: pd.DataFrame, measure: str) -> pd.Series:
    """`measure` by step, of one run's `steps`, which have a column `step`; NaN where a step has none. KeyError: no step has."""
    by_step = steps.set_index("step")
    if measure == "log_prob_gap":
        return by_step["log_prob_correct"] - by_step["log_prob_incorrect"]
    if measure == "entropy_change":
        return by_step["entropy"].diff().shift(-1)
    if measure == "unlikely_among_clipped":
        clipped = by_step["clip_fraction_high"] + by_step["clip_fraction_low"]
        return (by_step["clip_fraction_unlikely"] / clipped).where(clipped > 0)
    return by_step[measure]


def value_at(steps: pd.DataFrame, measure: str, window: Window) -> float:
    """The mean of `measure` over the steps of the window, NaN where they have none.

    `unlikely_among_clipped` is a ratio of sums over the window. At a reward: the measure, smoothed as the reward is, at the
    step where the reward first reaches it, interpolated between two steps; NaN where it never does, or is there at once.
    """
    if window.reward is not None:
        return _at_reward(steps, measure, window.reward)
    chosen = steps.sort_values("step")
    if window.middle:
        chosen = chosen.head(len(chosen) // 2 + window.middle // 2).tail(window.middle)
    else:
        chosen = chosen.head(window.first) if window.first else chosen.tail(window.last) if window.last else chosen
    if measure == "unlikely_among_clipped":
        clipped = (chosen["clip_fraction_high"] + chosen["clip_fraction_low"]).sum()
        return float(chosen["clip_fraction_unlikely"].sum() / clipped) if clipped > 0 else float("nan")
    return float(series(chosen, measure).mean())


def _at_reward(steps: pd.DataFrame, measure: str, reward: float) -> float:
    smooth = {name: series(steps, name).rolling(SMOOTHED).mean().dropna() for name in ("reward", measure)}
    reached, values = smooth["reward"].to_numpy(), smooth[measure].reindex(smooth["reward"].index).to_numpy()
    above = np.flatnonzero(reached >= reward)
    if not len(above) or above[0] == 0:
        return float("nan")
    after = above[0]
    share = (reward - reached[after - 1]) / (reached[after] - reached[after - 1])
    return float(values[after - 1] + share * (values[after] - values[after - 1]))
