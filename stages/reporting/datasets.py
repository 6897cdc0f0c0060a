"""What figures draw, as tables: rounded to five digits, so that the page stays small and its bytes the same."""

from typing import Any

import numpy as np
import pandas as pd

from stages.reporting.gains import REFERENCE
from stages.reporting.load import Results
from stages.reporting.published import Comparison

CLASSES = {
    "entropy_style": "first token (style)",
    "entropy_connector": "connectors",
    "entropy_digit": "digits",
    "entropy_other": "other",
}
# column of steps.jsonl -> title of its panel, in the order of the report; panels of absent columns are left out
PROGRESS = {
    "entropy": {"entropy": "entropy, nats a token"},
    "reward": {"reward": "reward, mean over responses"},
    "response_length": {"response_length": "response length, tokens"},
    "clip_fractions": {
        "clip_fraction_high": "% of tokens above 1 + ε_high (A > 0)",
        "clip_fraction_low": "% of tokens below 1 − ε_low (A < 0)",
    },
    "entropy_by_token_class": {name: f"entropy, {title}" for name, title in CLASSES.items()},
    "styles_per_group": {"styles_per_group": "distinct styles in a group"},
    "calibration": {
        "log_prob_correct": "log-probability, right responses",
        "log_prob_incorrect": "log-probability, wrong responses",
        "log_prob_gap": "right less wrong",
    },
}


def data(
    results: Results, methods: pd.DataFrame, gains: pd.DataFrame, prices: pd.DataFrame, compared: Comparison | None
) -> dict[str, pd.DataFrame]:
    """Name -> the rows that figures draw, rounded to five digits; GRPO first, so that the others are drawn over it."""
    steps = results.steps.copy()
    if "log_prob_correct" in steps:
        steps["log_prob_gap"] = steps["log_prob_correct"] - steps["log_prob_incorrect"]
    for column in ("clip_fraction_high", "clip_fraction_low"):
        steps[column] *= 100
    steps.columns = [name.replace(".", "_") for name in steps.columns]
    drawn = [name for names in PROGRESS.values() for name in names if name in steps]
    drawn += [name for name in steps if name.startswith("method_")]
    grouped = steps.groupby(["method", "step"], sort=False)[drawn]
    summary = grouped.mean().join(grouped.min().add_suffix("_low")).join(grouped.max().add_suffix("_high"))
    percent = ["value", "low", "high"]
    found = {
        "steps": summary.reset_index(),
        "scores": methods[["method", "benchmark", "metric", "k", *percent]].assign(
            **{name: 100 * methods[name] for name in percent}, value_low=100 * methods["low"],
            value_high=100 * methods["high"]),
        "gains": gains[["method", "benchmark", *percent]].assign(**{name: 100 * gains[name] for name in percent}),
        "prices": prices[["method", "entropy", "score", "distinct_1_to_5"]].assign(score=100 * prices["score"]),
    }  # fmt: skip
    if compared is not None:
        found["verdicts"] = _headline(compared.verdicts)
    order = {name: place for place, name in enumerate([REFERENCE, *results.models])}
    return {
        name: table.sort_values("method", key=lambda column: column.map(order), kind="stable").map(_rounded)
        for name, table in found.items()
    }


def _headline(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The headline's differences with their half widths, a row each that was judged; `method` names the row."""
    rows = verdicts[verdicts["headline"] & verdicts["half_width"].notna()]
    short = pd.Series(
        [
            f"{row.run}: {'gain, ' * row.quantity.startswith('gain')}"
            f"{'average' if row.quantity.endswith('average') else row.benchmark} ({row.paper})"
            for row in rows.itertuples()
        ],
        index=rows.index,
        dtype=object,
    )
    names = short.where(~short.duplicated(keep=False), short + ", " + rows["table"] + ", " + rows["benchmark"])
    difference, half = rows["difference"], rows["half_width"]
    ends = {"low": difference - half, "high": difference + half}
    return pd.DataFrame({"method": names, "value": difference, **ends, "verdict": rows["kind"]})


def _rounded(value: Any) -> Any:
    return float(f"{value:.5g}") if isinstance(value, (float, np.floating)) and np.isfinite(value) else value


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return table.astype(object).where(table.notna(), None).to_dict("records")


def own_columns(steps: pd.DataFrame) -> list[tuple[str, str]]:
    """(method, column) of every number that a method logs of its own; a dot would read as a path in a figure."""
    columns = [name for name in steps if name.startswith("method.")]
    return [
        (method, column.replace(".", "_"))
        for method, rows in steps.groupby("method", sort=False)
        for column in columns
        if rows[column].notna().any()
    ]
