"""What figures draw, as tables: rounded to five digits, so that the page stays small and its bytes the same."""

import math
from typing import Any

import pandas as pd

from stages.artifacts.steps import OWN
from stages.reporting.figures.progress import PROGRESS
from stages.reporting.inputs.results import Results
from stages.reporting.tables.answer import picture_of
from stages.reporting.tables.claims import compares_entropies
from stages.reporting.tables.comparison import Comparison
from stages.reporting.tables.gains import REFERENCE
from stages.reporting.tables.steps import with_gap


def drawn_data(
    results: Results, tables: dict[str, pd.DataFrame], compared: Comparison | None
) -> dict[str, pd.DataFrame]:
    """Name -> rows. `tables`: those of `stages.report.measure`. GRPO comes first, so that the others are drawn over it."""
    scores, gains, prices = tables["scores_by_method"], tables["gains"], tables["prices"]
    ends = ["value", "low", "high"]
    percent = scores[["method", "benchmark", "metric", "k"]].assign(**{name: 100 * scores[name] for name in ends})
    found = {
        "steps": progress_rows(results.steps),
        "scores": percent.assign(lowest_value=percent["low"], highest_value=percent["high"]),
        "gains": gains[["method", "benchmark"]].assign(**{name: 100 * gains[name] for name in ends}),
        "prices": prices[["method", "entropy", "distinct_1_to_5"]].assign(
            **{name: 100 * prices[name] for name in ("score", "low", "high")}
        ),
    }
    if (shown := picture_of(answer := tables["answer"])) is not None:
        column = "gain" if shown == "gain" else "score"
        of = {"value": column, "low": f"{column}_low", "high": f"{column}_high"}
        found["answer"] = answer[["method"]].assign(
            kept=100 * answer["kept"], **{name: 100 * answer[own] for name, own in of.items()}
        )
    if len(tables["reliability"]):
        bins = tables["reliability"]
        found["reliability"] = bins.assign(lowest_right=bins["right"], highest_right=bins["right"])
    if compared is not None:
        found["verdicts"] = _headline(compared.verdicts)
    if "claims" in tables:
        found["claims"] = claim_rows(tables["claims"])
    order = {name: place for place, name in enumerate([REFERENCE, *results.models])}
    return {
        name: table.sort_values("method", key=lambda column: column.map(order), kind="stable").map(rounded)
        for name, table in found.items()
    }


def progress_rows(steps: pd.DataFrame) -> pd.DataFrame:
    """A row a method and step: means over seeds, and the lowest and highest of them."""
    steps = with_gap(steps)
    drawn = [name for names in PROGRESS.values() for name in names if name in steps]
    drawn += [name for name in steps if name.startswith(OWN)]
    grouped = steps.groupby(["method", "step"], sort=False)[drawn]
    ends = grouped.min().add_prefix("lowest_").join(grouped.max().add_prefix("highest_"))
    return grouped.mean().join(ends).reset_index()


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


def claim_rows(judged: pd.DataFrame) -> pd.DataFrame:
    """The tests that set the entropy of one run against that of another, a row each; `method` names the row."""
    rows = judged[compares_entropies(judged)]
    names = rows["claim"] + ": " + rows["test"].str.removeprefix("entropy: ")
    return pd.DataFrame(
        {"method": names, "value": rows["number"], "low": rows["low"], "high": rows["high"], "outcome": rows["outcome"]}
    )


def rounded(value: Any) -> Any:
    return float(f"{value:.5g}") if isinstance(value, float) and math.isfinite(value) else value
