"""What papers claim about our methods: each published number that ours can be set against, and which of ours that is.

A published table makes three kinds of claim: a score (STEER has 36.2 avg@32 on AIME24), an average of scores over
benchmarks, and the gain of a method over GRPO in a score or an average: the difference of two numbers of one table.
No score of ours is read here, only which ones there are.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import pandas as pd

from stages.published.averages import GROUP, columns_of, recompute
from stages.published.schema import AVERAGE
from stages.verdicts.scores import Measure, is_trained

# The variant that a method of this bench is unless its settings choose another, where papers print several.
DEFAULT_VARIANTS = {"par": "entropy_guided", "flexible": "increase_decrease"}
SCORE, BENCHMARK_AVERAGE = "score", "average over benchmarks"
GAIN, GAIN_AVERAGE = "gain over grpo", "gain over grpo, average over benchmarks"


class PublishedMethod(NamedTuple):
    """A method as the published tables name it: the columns `method` and `variant` of `data/published/*.csv`."""

    method: str
    variant: str | None = None  # None: the paper's main setting


class Subject(NamedTuple):
    """A run of ours, and the published method whose number it is set against."""

    run: str  # name of the run without its seed: the `method` of our scores
    ours: PublishedMethod  # what the run is
    theirs: PublishedMethod  # what the number is of; another variant than ours if no run is of that one


class Claim(NamedTuple):
    """One published number, and the scores of ours that it is judged by."""

    row: dict[str, Any]  # the verdict's columns that are known before any score is read
    protocol: str | None  # name of the paper's protocol, None if it has none
    subject: Subject
    baseline: Subject | None  # GRPO, for a gain over it
    measures: list[Measure]  # ours that the number is the mean of: one for a score, several for an average
    missing: list[str]  # what it is the mean of as well, but was not measured here
    spread: float | None  # printed standard deviation over runs, in points
    runs: int | None  # how many training runs the number is the mean of
    remark: str = ""  # on the published number itself

    @property
    def headline(self) -> bool:
        return self.row["headline"]

    @property
    def average(self) -> bool:
        return self.row["quantity"] in (BENCHMARK_AVERAGE, GAIN_AVERAGE)

    @property
    def k_unstated(self) -> bool:
        return pd.isna(self.row["k"]) and not self.average


def claims(
    published: pd.DataFrame,
    model: str,
    train_data: str,
    stands_for: Mapping[str, PublishedMethod],
    measured: Collection[Measure],
) -> list[Claim]:
    """All claims about our runs in the table `published`, for one model and training data, in the table's order.

    Every published score and average on our benchmarks is a claim, and so is its gain over GRPO if that stands in the
    same table. `stands_for`: run -> what it is in the tables. A number is set against the run that is exactly its
    method and variant, else against the run that bears the method's name. `measured`: what our scores are of.
    """
    rows = published[
        (published["model"] == model)
        & (published["train_data"] == train_data)
        & published["metric"].isin(["avg", "pass", "accuracy"])
    ]
    benchmarks, methods = {measure.benchmark for measure in measured}, {each.method for each in stands_for.values()}
    of_ours = rows[rows["method"].isin(methods) & rows["benchmark"].isin([*benchmarks, AVERAGE])]
    means = recompute(rows)
    found = []
    for row in of_ours.itertuples():
        subject = _subject(row, stands_for)
        if subject is None:
            continue
        claim = _claim(row, subject, rows, means, measured)
        found.append(claim)
        grpo = _grpo(row, of_ours) if row.method != "grpo" and is_trained(row.method) else None
        baseline = None if grpo is None else _subject(grpo, stands_for)
        if baseline is not None:
            found.append(_gain(claim, _claim(grpo, baseline, rows, means, measured)))
    return found


def _subject(row: Any, stands_for: Mapping[str, PublishedMethod]) -> Subject | None:
    """The run that a published number is set against, None if there is none."""
    theirs = PublishedMethod(row.method, row.variant)
    run = next((run for run, ours in stands_for.items() if ours == theirs), row.method)
    return Subject(run, stands_for[run], theirs) if run in stands_for else None


def _claim(row: Any, subject: Subject, rows: pd.DataFrame, means: pd.DataFrame, measured: Collection[Measure]) -> Claim:
    """The claim of one row. An average that is not the mean of its own columns is replaced by that mean."""
    value, evidence, remark = row.value, row.evidence, ""
    parts, missing = [row], []
    if row.benchmark == AVERAGE:
        columns = columns_of(row, rows[_same(rows, row, GROUP)])
        parts = [] if columns is None else list(columns.itertuples())
        missing = [] if parts else ["an average whose columns are not published"]
        mean = means[_same(means, row, [*GROUP, "benchmark_as_printed", "k"])] if len(means) else means
        if len(mean) and not mean["matches"].iloc[0]:
            value, evidence = mean["recomputed"].iloc[0], "derived"
            remark = f"printed as {row.value:g}, but its columns give {value:.2f}, which is judged"
    ours = [_measure(part, measured) for part in parts]
    missing += [
        f"{part.metric_as_printed} on {part.benchmark_as_printed}"
        for part, measure in zip(parts, ours, strict=True)
        if measure is None
    ]
    return Claim(
        row={
            "headline": row.benchmark == AVERAGE,
            "quantity": BENCHMARK_AVERAGE if row.benchmark == AVERAGE else SCORE,
            "paper": row.paper,
            "table": row.table,
            "method": row.method,
            "variant": row.variant,
            "run": subject.run,
            "benchmark": row.benchmark_as_printed if row.benchmark == AVERAGE else row.benchmark,
            "metric": row.metric,
            "k": row.k,
            "published": value,
            "evidence": evidence,
        },
        protocol=row.protocol,
        subject=subject,
        baseline=None,
        measures=[measure for measure in ours if measure is not None],
        missing=missing,
        spread=None if pd.isna(row.spread) else row.spread,
        runs=None if pd.isna(row.runs) else int(row.runs),
        remark=remark,
    )


def _gain(method: Claim, grpo: Claim) -> Claim:
    """The claimed gain over GRPO: the difference of two published numbers. Its spread is not printed."""
    evidence = [each.row["evidence"] for each in (method, grpo)]
    weakest = max(evidence, key=["first-hand", "derived", "second-hand"].index)
    quantity = GAIN_AVERAGE if method.average else GAIN
    gain = method.row["published"] - grpo.row["published"]
    return method._replace(
        row={**method.row, "headline": True, "quantity": quantity, "published": gain, "evidence": weakest},
        baseline=grpo.subject,
        spread=None,
        remark="; ".join(dict.fromkeys(filter(None, [method.remark, grpo.remark]))),
    )


def _grpo(row: Any, of_ours: pd.DataFrame) -> Any | None:
    """GRPO's row that a method's row gains over: that of the same variant, else the main setting's, else the only one."""
    place = ["paper", "table", "benchmark_as_printed", "metric", "k", "metric_as_printed"]
    rows = of_ours[(of_ours["method"] == "grpo") & _same(of_ours, row, place)]
    for variant in (row.variant, None):
        of_variant = rows[rows["variant"].isna() if variant is None else rows["variant"] == variant]
        if len(of_variant) == 1:
            return next(of_variant.itertuples())
    return next(rows.itertuples()) if len(rows) == 1 else None


def _same(table: pd.DataFrame, row: Any, names: list[str]) -> pd.Series:
    """Whether each row of `table` agrees with `row` in all columns `names`; empty agrees with empty."""
    same = pd.Series(True, index=table.index)
    for name in names:
        value = getattr(row, name)
        same &= table[name].isna() if pd.isna(value) else table[name] == value
    return same


def _measure(row: Any, measured: Collection[Measure]) -> Measure | None:
    """Ours of the same benchmark, metric and k as a published score; if it states no k, our avg at whatever k it is."""
    metric = "avg" if row.metric == "accuracy" else row.metric
    for measure in measured:
        if (measure.benchmark, measure.metric) == (row.benchmark, metric) and (pd.isna(row.k) or measure.k == row.k):
            return measure
    return None
