"""What papers claim about our methods: each published number that ours can be set against, and which of ours that is.

A published table makes three kinds of claim: a score (STEER has 36.2 avg@32 on AIME24), an average of scores over
benchmarks, and the gain of a method over GRPO in a score or an average: the difference of two numbers of one table.
No score of ours is read here, only which ones there are.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from stages.published.averages import GROUP, columns_of, grouped, key_of, recompute
from stages.published.schema import AVERAGE
from stages.verdicts.scores import Measure, is_trained

# The variant that a method of this bench is unless its settings choose another, where papers print several.
DEFAULT_VARIANTS = {"par": "entropy_guided", "flexible": "increase_decrease"}
SCORE, BENCHMARK_AVERAGE = "score", "average over benchmarks"
GAIN, GAIN_AVERAGE = "gain over grpo", "gain over grpo, average over benchmarks"


class PublishedMethod(NamedTuple):
    """A method as the published tables name it, in the columns of the same names of `data/published/*.csv`."""

    method: str
    variant: str | None = None  # None: the paper's main setting
    train_data: str | None = None  # None: the setting's own, or a model that was not trained here


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
    printed_k: list[float]  # [measures]: samples a problem behind the published number; NaN where not stated
    missing: list[str]  # what it is the mean of as well, but was not measured here
    spread: float | None  # printed standard deviation over runs, in points
    runs: int | None  # how many training runs the number is the mean of
    presumed: str | None = None  # what the source does not state and the registry presumes
    remark: str = ""  # on the published number itself

    @property
    def headline(self) -> bool:
        return self.row["headline"]

    @property
    def average(self) -> bool:
        return self.row["quantity"] in (BENCHMARK_AVERAGE, GAIN_AVERAGE)

    @property
    def gain(self) -> bool:
        return self.baseline is not None

    @property
    def fixed(self) -> bool:
        """Whether the number is of a model that was not trained here: the base model, or a released one."""
        return not is_trained(self.subject.run)

    @property
    def k_unstated(self) -> bool:
        return bool(np.isnan(self.printed_k).any())


def claims(
    published: pd.DataFrame,
    model: str,
    train_data: str,
    stands_for: Mapping[str, PublishedMethod],
    measured: Collection[Measure],
) -> list[Claim]:
    """All claims about our runs in the table `published`, for one model, in the table's order.

    Every published score and average on our benchmarks is a claim, and so is its gain over GRPO if that stands in the
    same table and is of the same training set. `train_data`: the setting's own. `stands_for`: run -> what it is in the
    tables. A number is set against the run that is exactly its method, variant and training set; one of the setting's
    own training set else against the run on it that bears the method's name. The base model and released ones are the
    same whatever a paper trained on. `measured`: what our scores are of.
    """
    untrained = ~published["method"].map(lambda name: name is None or is_trained(name)).astype(bool)
    rows = published[
        (published["model"] == model)
        & (published["train_data"].isin(training_sets(train_data, stands_for)) | untrained)
        & published["metric"].isin(["avg", "pass", "accuracy"])
    ]
    benchmarks, methods = {measure.benchmark for measure in measured}, {each.method for each in stands_for.values()}
    of_ours = rows[rows["method"].isin(methods) & rows["benchmark"].isin([*benchmarks, AVERAGE])]
    printed, found = _Printed(rows, of_ours), []
    for row in of_ours.itertuples():
        subject = _subject(row, train_data, stands_for)
        if subject is None:
            continue
        claim = _claim(row, subject, printed, measured)
        found.append(claim)
        grpo = printed.grpo(row) if row.method != "grpo" and is_trained(row.method) else None
        baseline = None if grpo is None else _subject(grpo, train_data, stands_for)
        if baseline is not None:
            found.append(_gain(claim, _claim(grpo, baseline, printed, measured)))
    return found


def training_sets(train_data: str, stands_for: Mapping[str, PublishedMethod]) -> list[str]:
    """The training sets whose numbers count: the setting's own, and each that a run stands for beside it."""
    return list(dict.fromkeys([train_data, *(each.train_data for each in stands_for.values() if each.train_data)]))


def _subject(row: Any, train_data: str, stands_for: Mapping[str, PublishedMethod]) -> Subject | None:
    """The run that a published number is set against, None if there is none. `train_data`: the setting's own."""
    of_setting = row.train_data == train_data or not is_trained(row.method)
    theirs = PublishedMethod(row.method, row.variant, None if of_setting else row.train_data)
    run = next((run for run, ours in stands_for.items() if ours == theirs), row.method)
    ours = stands_for.get(run)
    if ours is None or (ours != theirs and not (of_setting and ours.train_data is None)):
        return None
    return Subject(run, ours, theirs)


class _Printed:
    """The rows of a setting, found by what they agree in; empty agrees with empty."""

    MEAN = (*GROUP, "benchmark_as_printed", "k")
    PLACE = ("paper", "table", "train_data", "benchmark_as_printed", "metric", "k", "metric_as_printed")

    def __init__(self, rows: pd.DataFrame, of_ours: pd.DataFrame):
        self.groups = grouped(rows)
        self.means = {key_of(row, self.MEAN): row for row in recompute(rows).itertuples()}
        self.grpos: dict[tuple, list[Any]] = {}
        for row in of_ours[of_ours["method"] == "grpo"].itertuples():
            self.grpos.setdefault(key_of(row, self.PLACE), []).append(row)

    def columns(self, average: Any) -> list[Any] | None:
        """The rows that an average is the mean of; None if one of them is not there."""
        return columns_of(average, self.groups[key_of(average, GROUP)])

    def mean(self, average: Any) -> Any | None:
        """The row of `recompute` on an average."""
        return self.means.get(key_of(average, self.MEAN))

    def grpo(self, row: Any) -> Any | None:
        """GRPO's row that a method's row gains over, of the same training set.

        It is that of the same variant, else the main setting's, else the only one.
        """
        rows = self.grpos.get(key_of(row, self.PLACE), [])
        for variant in (row.variant, None):
            of_variant = [each for each in rows if each.variant == variant]
            if len(of_variant) == 1:
                return of_variant[0]
        return rows[0] if len(rows) == 1 else None


def _claim(row: Any, subject: Subject, printed: _Printed, measured: Collection[Measure]) -> Claim:
    """The claim of one row. An average that is not the mean of its own columns is replaced by that mean."""
    value, evidence, remark = row.value, row.evidence, ""
    parts, missing = [row], []
    if row.benchmark == AVERAGE:
        parts = printed.columns(row) or []
        missing = [] if parts else ["an average whose columns are not published"]
        mean = printed.mean(row)
        if mean is not None and not mean.matches:
            value, evidence = mean.recomputed, "derived"
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
            "train_data": row.train_data if is_trained(row.method) else None,
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
        printed_k=[float(part.k) for part, measure in zip(parts, ours, strict=True) if measure is not None],
        missing=missing,
        spread=None if pd.isna(row.spread) else row.spread,
        runs=None if pd.isna(row.runs) else int(row.runs),
        presumed=row.presumed,
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
        presumed=", ".join(dict.fromkeys(filter(None, [method.presumed, grpo.presumed]))) or None,
        remark="; ".join(dict.fromkeys(filter(None, [method.remark, grpo.remark]))),
    )


def _measure(row: Any, measured: Collection[Measure]) -> Measure | None:
    """Ours of the same benchmark and metric as a published score; pass@k at the same k, avg@k at whatever k ours is.

    The expectation of avg@k is the same for all k. How much less k samples vary enters the interval.
    """
    metric = "avg" if row.metric == "accuracy" else row.metric
    for measure in measured:
        if (measure.benchmark, measure.metric) == (row.benchmark, metric) and (metric == "avg" or measure.k == row.k):
            return measure
    return None
