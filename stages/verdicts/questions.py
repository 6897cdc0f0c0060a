"""What is asked of a published table: which numbers of ours stand against which of its."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from stages.publications.averages import GROUP, columns_of, recompute
from stages.publications.schema import AVERAGE
from stages.verdicts.scores import Cell, is_trained

# What this suite's methods run unless a setting says otherwise, where papers print several forms.
VARIANTS = {"par": "entropy_guided", "flexible": "increase_decrease"}
GAIN, GAIN_AVERAGE = "gain over grpo", "gain over grpo, suite average"
SUITE_AVERAGE, SCORE = "suite average", "score"


class Form(NamedTuple):
    """What a run of ours is in the published tables."""

    method: str
    variant: str | None = None  # as spelt there; None is a paper's main setting


class Question(NamedTuple):
    row: dict[str, Any]  # the columns of the answer that are known before any score is read
    protocol: str | None
    cells: list[Cell]  # ours that the number is the mean of
    missing: list[str]  # what ours would have to be, where we do not have it
    forms: dict[str, tuple[Form, Form]]  # run of ours -> what it is, what the number is of
    spread: float | None
    runs: int | None
    remark: str = ""

    @property
    def run(self) -> str:
        """Ours whose number it is."""
        return next(iter(self.forms))

    @property
    def reference(self) -> str:
        """GRPO's run, over which a gain is."""
        return list(self.forms)[1]

    @property
    def headline(self) -> bool:
        return self.row["headline"]

    @property
    def gain(self) -> bool:
        return self.row["quantity"] in (GAIN, GAIN_AVERAGE)

    @property
    def average(self) -> bool:
        return self.row["quantity"] in (SUITE_AVERAGE, GAIN_AVERAGE)

    @property
    def k_unstated(self) -> bool:
        return pd.isna(self.row["k"]) and not self.average


def questions(
    published: pd.DataFrame, model: str, train_data: str, forms: Mapping[str, Form], cells: Mapping[Cell, pd.DataFrame]
) -> list[Question]:
    """A question a published score of our methods on our benchmarks, an average, and a gain over GRPO of either.

    `forms`: run -> what it is in the tables. A number is asked of the run of its very form, else of the run that bears
    the method's name.
    """
    rows = published[
        (published["model"] == model)
        & (published["train_data"] == train_data)
        & published["metric"].isin(["avg", "pass", "accuracy"])
    ]
    known = {cell.benchmark for cell in cells}
    asked = rows[
        rows["method"].isin({form.method for form in forms.values()}) & rows["benchmark"].isin([*known, AVERAGE])
    ]
    means = recompute(rows)
    found = []
    for row in asked.itertuples():
        run = _run(row, forms)
        if run is None:
            continue
        question = _question(row, run, forms[run], rows, means, cells)
        found.append(question)
        partner = _grpo(row, asked) if row.method != "grpo" and is_trained(row.method) else None
        reference = None if partner is None else _run(partner, forms)
        if reference is not None:
            found.append(_gain(question, _question(partner, reference, forms[reference], rows, means, cells)))
    return found


def _run(row: Any, forms: Mapping[str, Form]) -> str | None:
    """The run that a published number is asked of."""
    exact = [run for run, form in forms.items() if form == Form(row.method, row.variant)]
    return exact[0] if exact else row.method if row.method in forms else None


def _question(
    row: Any, run: str, form: Form, rows: pd.DataFrame, means: pd.DataFrame, cells: Mapping[Cell, pd.DataFrame]
) -> Question:
    value, evidence, remark = row.value, row.evidence, ""
    if row.benchmark == AVERAGE:
        columns = columns_of(row, rows[_same(rows, row, GROUP)])
        parts = [] if columns is None else list(columns.itertuples())
        mean = means[_same(means, row, [*GROUP, "benchmark_as_printed", "k"])] if len(means) else means
        if len(mean) and not mean["matches"].iloc[0]:
            value, evidence = mean["recomputed"].iloc[0], "derived"
            remark = f"printed as {row.value:g}, but its columns give {value:.2f}, which is judged"
        missing = [] if parts else ["an average whose columns are not published"]
    else:
        parts, missing = [row], []
    ours = [_cell(part, cells) for part in parts]
    for part, cell in zip(parts, ours, strict=True):
        if cell is None:
            missing.append(f"{part.metric_as_printed} on {part.benchmark_as_printed}")
    return Question(
        row={
            "headline": row.benchmark == AVERAGE,
            "quantity": SUITE_AVERAGE if row.benchmark == AVERAGE else SCORE,
            "paper": row.paper,
            "table": row.table,
            "method": row.method,
            "variant": row.variant,
            "run": run,
            "benchmark": row.benchmark_as_printed if row.benchmark == AVERAGE else row.benchmark,
            "metric": row.metric,
            "k": row.k,
            "published": value,
            "evidence": evidence,
        },
        protocol=row.protocol,
        cells=[cell for cell in ours if cell is not None],
        missing=missing,
        forms={run: (form, Form(row.method, row.variant))},
        spread=None if pd.isna(row.spread) else row.spread,
        runs=None if pd.isna(row.runs) else int(row.runs),
        remark=remark,
    )


def _gain(method: Question, grpo: Question) -> Question:
    """The published gain is the difference of two published numbers; its spread is not printed."""
    evidence = [each.row["evidence"] for each in (method, grpo)]
    weakest = max(evidence, key=["first-hand", "derived", "second-hand"].index)
    quantity = GAIN_AVERAGE if method.average else GAIN
    gain = method.row["published"] - grpo.row["published"]
    return method._replace(
        row={**method.row, "headline": True, "quantity": quantity, "published": gain, "evidence": weakest},
        forms={**method.forms, **grpo.forms},
        spread=None,
        remark="; ".join(dict.fromkeys(filter(None, [method.remark, grpo.remark]))),
    )


def _grpo(row: Any, asked: pd.DataFrame) -> Any | None:
    """GRPO's row to set a method's row against: the same variant, else the main setting, else the only one."""
    place = "paper table benchmark_as_printed metric k metric_as_printed".split()
    rows = asked[(asked["method"] == "grpo") & _same(asked, row, place)]
    for variant in (row.variant, None):
        of_variant = rows[rows["variant"].isna() if variant is None else rows["variant"] == variant]
        if len(of_variant) == 1:
            return next(of_variant.itertuples())
    return next(rows.itertuples()) if len(rows) == 1 else None


def _same(table: pd.DataFrame, row: Any, names: list[str]) -> pd.Series:
    """Rows that agree with `row` in all of `names`; empty agrees with empty."""
    same = pd.Series(True, index=table.index)
    for name in names:
        value = getattr(row, name)
        same &= table[name].isna() if pd.isna(value) else table[name] == value
    return same


def _cell(row: Any, cells: Mapping[Cell, pd.DataFrame]) -> Cell | None:
    """Ours for a published score: the same benchmark, metric and k; without a stated k our avg at our own k."""
    metric = "avg" if row.metric == "accuracy" else row.metric
    for cell in cells:
        if (cell.benchmark, cell.metric) == (row.benchmark, metric) and (pd.isna(row.k) or cell.k == row.k):
            return cell
    return None
