"""All published numbers of a setting against ours. Protocols are compared first, scores are read after that."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from stages.statistics import Pooled, pool_gains, pool_seeds
from stages.verdicts.judge import INCONCLUSIVE, NOT_COMPARABLE, SEEDS, Difference, Verdict, after_holm, judge
from stages.verdicts.questions import GAIN, GAIN_AVERAGE, SUITE_AVERAGE, VARIANTS, Form, Question, questions
from stages.verdicts.scores import Cell, is_trained, tables

LABORATORY = "laboratory"
# How many runs a published number is the mean of enters the interval: it does not forbid the comparison.
ACCOUNTED_FOR = {"aggregation"}
SMALL_SETS = {"aime24", "aime25", "amc23_40"}  # 30 to 40 questions
WIDTH, WIDTH_OF_SMALL_SETS = 3.0, 7.0  # points

Differences = Callable[[Any, Any, str | None], list[Difference]]
COLUMNS = (
    "headline quantity paper table method variant run benchmark metric k published evidence ours difference half_width"
    " seeds verdict reason kind p"
).split()


class Departure(NamedTuple):
    """A difference that no protocol holds: another form of the method, a score that we do not have."""

    field: str
    ours: object
    theirs: object
    known: bool = True


def compare(
    scores: pd.DataFrame,
    published: pd.DataFrame,
    model: str,
    train_data: str,
    ours: Any,
    protocols: Mapping[str, Any],
    stands_for: Mapping[str, Form] | None = None,
    replays: str | None = None,
    differences: Differences | None = None,
) -> pd.DataFrame:
    """One row a published number of our methods and benchmarks; gains over GRPO and suite averages come first.

    `scores`: method, seed, benchmark, metric (avg, pass), k, value in points; one row a run, benchmark, metric and k.
    `published`: `stages.publications.schema.load`. `model` and `train_data` are spelt as there. `ours`: our protocol in
    force, `protocols`: all by name. `stands_for`: a run of ours (a `method` of `scores`) -> what it is in the tables; if
    none are given, each is the method of its name. `replays`: the paper whose training recipe ours is.
    Columns: `COLUMNS`; `verdict` is the text, `kind` one of judge.KINDS, `p` before Holm. Gains are paired by seed.
    InputError: a score that is NaN, doubled or missing, or has two k.
    """
    cells = tables(scores)
    if differences is None:
        from stages.protocols import differences
    runs = dict.fromkeys(scores["method"])
    if stands_for is None:
        stands_for = {run: Form(run, VARIANTS.get(run)) for run in runs}
    forms = {run: Form(run) for run in runs if not is_trained(run)}  # base and released models bear their names
    forms |= {run: form for run, form in stands_for.items() if run in runs}
    asked = questions(published, model, train_data, forms, cells)
    verdicts, rows = [], []
    for question in asked:
        departures = _departures(question, ours, protocols, replays, differences)
        points, pooled = _points(question, cells)
        verdicts.append(_judge(question, points, pooled, departures, ours.name))
        mean = None if points is None or ours.name == LABORATORY else float(points.mean())
        rows.append({**question.row, "ours": mean, "seeds": _seeds(question, cells)})
    headline = [index for index, question in enumerate(asked) if question.headline]
    for index, verdict in zip(headline, after_holm([verdicts[index] for index in headline]), strict=True):
        verdicts[index] = verdict
    for row, verdict, question in zip(rows, verdicts, asked, strict=True):
        reason = f"{verdict.reason}; {question.remark}" if question.remark else verdict.reason
        row |= {"difference": verdict.difference, "half_width": verdict.half_width, "verdict": verdict.text}
        row |= {"reason": reason, "kind": verdict.kind, "p": verdict.p}
    order = {GAIN_AVERAGE: 0, SUITE_AVERAGE: 1, GAIN: 2}
    rows.sort(key=lambda row: order.get(row["quantity"], 3))
    numbers = dict.fromkeys(["k", "published", "ours", "difference", "half_width", "p"], float)
    return pd.DataFrame(rows, columns=COLUMNS).astype({**numbers, "headline": bool})


def protocol_diffs(
    published: pd.DataFrame,
    model: str,
    train_data: str,
    benchmarks: list[str],
    ours: Any,
    protocols: Mapping[str, Any],
    differences: Differences | None = None,
) -> pd.DataFrame:
    """Where ours and a paper's protocol differ or cannot be compared: one row a paper, benchmark and field.

    For the papers that print this setting, and those of `benchmarks` that they print. Columns: paper, benchmark, field,
    ours, theirs, known. A paper without a protocol has one row, field `protocol`, benchmark empty.
    """
    if differences is None:
        from stages.protocols import differences
    rows = published[(published["model"] == model) & (published["train_data"] == train_data)]
    found = []
    for paper, printed in rows.groupby("paper", sort=False):
        name = printed["protocol"].iloc[0]
        if name not in protocols:
            found.append((paper, None, "protocol", ours.name, "not published", False))
            continue
        for benchmark in benchmarks:
            if (printed["benchmark"] == benchmark).any():
                found += [
                    (paper, benchmark, each.field, each.ours, each.theirs, each.known)
                    for each in differences(ours, protocols[name], benchmark)
                ]
    return pd.DataFrame(found, columns="paper benchmark field ours theirs known".split())


def _departures(
    question: Question, ours: Any, protocols: Mapping[str, Any], replays: str | None, differences: Differences
) -> list[Difference]:
    """Everything that forbids the comparison, or that one side does not state. Reads no score."""
    found: list[Difference] = []
    for run, (mine, theirs) in question.forms.items():
        if mine != theirs:
            main = "the paper's main setting"
            found.append(Departure(f"variant of {run}", mine.variant or "the method's default", theirs.variant or main))
    if question.row["paper"] != replays and is_trained(question.run):
        found.append(Departure("training recipe", "this profile's", question.row["paper"], known=False))
    if question.missing:
        found.append(Departure("score", "not measured", ", ".join(question.missing)))
    if question.protocol not in protocols:
        # nothing is declared, so nothing can be compared: a number alone is no reproduction
        return [*found, Departure("protocol", ours.name, "not published")]
    for benchmark in dict.fromkeys(cell.benchmark for cell in question.cells):
        for each in differences(ours, protocols[question.protocol], benchmark):
            if each.field not in ACCOUNTED_FOR and each not in found:
                found.append(each)
    if question.k_unstated:
        found.append(Departure("samples", "avg@k", "not published", known=False))
    return found


def _points(question: Question, cells: Mapping[Cell, pd.DataFrame]) -> tuple[np.ndarray | None, Pooled | None]:
    """([seeds] in points, the seeds' variance pooled over the trained methods), None where there is none."""
    if question.missing:
        return None, None
    table = sum(cells[cell] for cell in question.cells) / len(question.cells)
    points = table.loc[question.run].dropna().to_numpy()
    trained = table[[is_trained(method) for method in table.index]].dropna(axis=1).to_numpy()
    if question.gain:
        points = points - table.loc[question.reference].dropna().to_numpy()
    if not trained.size or trained.shape[1] < 2:
        return points, None
    return points, pool_gains(trained) if question.gain else pool_seeds(trained)


def _judge(
    question: Question, points: np.ndarray | None, pooled: Pooled | None, departures: list[Difference], protocol: str
) -> Verdict:
    if protocol == LABORATORY:
        reason = "laboratory results are never compared with published numbers"
        return Verdict(NOT_COMPARABLE, None, None, reason)
    if not is_trained(question.run):
        reason = "one model that was not trained here: training variance unknown"
        return Verdict(INCONCLUSIVE, None, None, reason)
    small = question.cells and all(cell.benchmark in SMALL_SETS for cell in question.cells) and not question.average
    return judge(
        np.full(SEEDS, np.nan) if points is None else points,
        question.row["published"],
        question.spread,
        question.runs,
        np.sqrt(pooled.variance) if pooled else np.nan,
        pooled.degrees if pooled else 0,
        WIDTH_OF_SMALL_SETS if small else WIDTH,
        departures,
    )


def _seeds(question: Question, cells: Mapping[Cell, pd.DataFrame]) -> int:
    table = next(iter(cells.values()))
    return int(table.loc[question.run].notna().sum())
