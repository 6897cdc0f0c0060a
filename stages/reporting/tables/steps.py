"""Training's steps beyond what steps.jsonl holds. Pure."""

import pandas as pd

from stages.artifacts.steps import COLUMNS, OWN, Column
from stages.reporting.tables.gains import REFERENCE

RIGHT, WRONG, GAP = "log_prob_correct", "log_prob_incorrect", "log_prob_gap"
DERIVED = {
    GAP: Column("right less wrong", COLUMNS[RIGHT].unit, "difference of the two means of a step", always=False),
}


def with_gap(steps: pd.DataFrame) -> pd.DataFrame:
    """`steps` with the column `log_prob_gap`, if any run logged both log-probabilities.

    It is empty for a step that has only one of them: all of its responses are right, or all are wrong.
    """
    return steps.assign(**{GAP: steps[RIGHT] - steps[WRONG]}) if {RIGHT, WRONG} <= {*steps} else steps


def window(steps: int) -> int:
    """How many steps a beginning and an end are the mean of: a tenth of all, at least three, at most half.

    One step is one batch of prompts, and its reward is theirs as much as the policy's.
    """
    return max(1, min(steps // 2, max(3, steps // 10)))


def ends(steps: pd.DataFrame, column: str) -> dict[str, tuple[float, float]]:
    """Method -> mean over seeds and over the first, and the last, `window` of its steps."""
    found = {}
    for method, rows in steps.groupby("method", sort=False):
        mean = rows.groupby("step")[column].mean()
        size = window(len(mean))
        found[str(method)] = (float(mean.iloc[:size].mean()), float(mean.iloc[-size:].mean()))
    return found


def ends_in_words(steps: int) -> tuple[str, str]:
    """What `ends` are the means of: `first step`, `mean of the first 3 steps`."""
    size = window(steps)
    return (
        ("first step", "last step")
        if size == 1
        else (f"mean of the first {size} steps", f"mean of the last {size} steps")
    )


def grows_from(steps: pd.DataFrame, column: str, factor: float) -> dict[str, int | None]:
    """Method -> the first step from which the mean over seeds stays above `factor` times its level to the end; None where it
    does not, or where that is fewer steps than a beginning, which one outlier could be.

    The level is the mean over the first `window` steps.
    """
    found: dict[str, int | None] = {}
    for method, rows in steps.groupby("method", sort=False):
        mean = rows.groupby("step")[column].mean().dropna()
        size = window(len(mean))
        inside = (mean <= factor * mean.iloc[:size].mean()).to_numpy().nonzero()[0]
        first = int(inside[-1]) + 1  # after the last that is not above; the level's own smallest is one
        found[str(method)] = int(mean.index[first]) if len(mean) - first >= size else None
    return found


def own_columns(steps: pd.DataFrame) -> list[tuple[str, str]]:
    """(method, column) of every number that a method logs of itself."""
    columns = [name for name in steps if name.startswith(OWN)]
    return [
        (method, column)
        for method, rows in steps.groupby("method", sort=False)
        for column in columns
        if rows[column].notna().any()
    ]


def first_difference(steps: pd.DataFrame, method: str, seed: int) -> int | None:
    """The first step at which reward or entropy is not exactly GRPO's of the same seed; None if there is none."""
    names = ["entropy", "reward"]
    ours, reference = (
        steps[(steps["method"] == m) & (steps["seed"] == seed)].set_index("step")[names] for m in (method, REFERENCE)
    )
    differs = (ours != reference).any(axis=1)
    return int(differs.idxmax()) if differs.any() else None
