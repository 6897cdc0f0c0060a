"""A verdict on every published number of a setting: protocols are compared first, scores are read after that."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from stages.protocols.differences import Difference, differences
from stages.protocols.record import Protocol
from stages.published.schema import NOT_PUBLISHED
from stages.statistics import Pooled, pool_gains, pool_seeds
from stages.verdicts.claims import BENCHMARK_AVERAGE, GAIN, GAIN_AVERAGE, Claim, PublishedMethod, claims
from stages.verdicts.judge import INCONCLUSIVE, NOT_COMPARABLE, SEEDS, Verdict, after_holm, judge
from stages.verdicts.scores import Measure, is_trained, score_tables

LABORATORY = "laboratory"
# How many runs a published number is the mean of enters the interval: it does not forbid the comparison.
ACCOUNTED_FOR = {"aggregation"}
SMALL_SETS = {"aime24", "aime25", "amc23_40"}  # 30 to 40 questions
WIDTH, WIDTH_OF_SMALL_SETS = 3.0, 7.0  # points
COLUMNS = [
    "headline", "quantity", "paper", "table", "method", "variant", "run", "benchmark", "metric", "k", "published",
    "evidence", "ours", "difference", "half_width", "seeds", "verdict", "reason", "kind", "p",
]  # fmt: skip


class Points(NamedTuple):
    """Ours that a claim is judged by, in points."""

    by_seed: np.ndarray  # [seeds]: scores, or gains paired by seed
    pooled: Pooled | None  # their variance over seeds, pooled over the trained methods; None for fewer than two seeds


def compare(
    scores: pd.DataFrame,
    published: pd.DataFrame,
    model: str,
    train_data: str,
    ours: Protocol,
    protocols: Mapping[str, Protocol],
    stands_for: Mapping[str, PublishedMethod],
    recipe_of: str | None = None,
) -> pd.DataFrame:
    """The verdicts on all claims about our runs: gains over GRPO and averages over benchmarks, then single scores.

    `scores`: one row a run, benchmark, metric (avg or pass) and k; columns method, seed, benchmark, metric, k, value in
    points. `published`: `stages.published.schema.load`. `model` and `train_data` are spelt as there. `ours`: our
    effective protocol; `protocols`: the papers', by name. `stands_for`: a run (a `method` of `scores`) -> what it is in
    the published tables; no number is set against a trained run that is not in it. `recipe_of`: the paper whose
    training recipe ours is.

    Returns one row a claim. Columns: `COLUMNS`; `verdict` is the text, `kind` one of judge.KINDS, `p` before Holm.
    InputError: a score that is NaN, doubled or missing, or has two k.
    """
    tables = score_tables(scores)
    runs = dict.fromkeys(scores["method"])
    known = {run: PublishedMethod(run) for run in runs if not is_trained(run)}  # base and released models
    known |= {run: method for run, method in stands_for.items() if run in runs}
    asked = claims(published, model, train_data, known, tables)
    verdicts, rows = [], []
    for claim in asked:
        found = _differences(claim, ours, protocols, recipe_of)
        points = None if claim.missing else _points(claim, tables)
        verdicts.append(_verdict(claim, points, found, ours.name))
        mean = None if points is None or ours.name == LABORATORY else float(points.by_seed.mean())
        rows.append({**claim.row, "ours": mean, "seeds": _seeds(claim, tables)})
    headline = [index for index, claim in enumerate(asked) if claim.headline]
    for index, verdict in zip(headline, after_holm([verdicts[index] for index in headline]), strict=True):
        verdicts[index] = verdict
    for row, verdict, claim in zip(rows, verdicts, asked, strict=True):
        reason = f"{verdict.reason}; {claim.remark}" if claim.remark else verdict.reason
        row |= {"difference": verdict.difference, "half_width": verdict.half_width, "verdict": verdict.text}
        row |= {"reason": reason, "kind": verdict.kind, "p": verdict.p}
    order = {GAIN_AVERAGE: 0, BENCHMARK_AVERAGE: 1, GAIN: 2}
    rows.sort(key=lambda row: order.get(row["quantity"], 3))
    numbers = dict.fromkeys(["k", "published", "ours", "difference", "half_width", "p"], float)
    return pd.DataFrame(rows, columns=COLUMNS).astype({**numbers, "headline": bool})


def protocol_diffs(
    published: pd.DataFrame,
    model: str,
    train_data: str,
    benchmarks: list[str],
    ours: Protocol,
    protocols: Mapping[str, Protocol],
) -> pd.DataFrame:
    """Where our effective protocol and a paper's differ or cannot be compared: one row a paper, benchmark and field.

    For the papers that print this setting, and those of `benchmarks` that they print. Columns: paper, benchmark, field,
    ours, theirs, known. A paper without a protocol has one row, field `protocol`, benchmark empty.
    """
    rows = published[(published["model"] == model) & (published["train_data"] == train_data)]
    found: list[tuple[str, str | None, Difference]] = []
    for paper, printed in rows.groupby("paper", sort=False):
        name = printed["protocol"].iloc[0]
        if name not in protocols:
            found.append((paper, None, Difference("protocol", ours.name, NOT_PUBLISHED, known=False)))
            continue
        for benchmark in benchmarks:
            if (printed["benchmark"] == benchmark).any():
                found += [(paper, benchmark, each) for each in differences(ours, protocols[name], benchmark)]
    return pd.DataFrame(
        [(paper, benchmark, each.field, each.ours, each.theirs, each.known) for paper, benchmark, each in found],
        columns=["paper", "benchmark", "field", "ours", "theirs", "known"],
    )


def _differences(
    claim: Claim, ours: Protocol, protocols: Mapping[str, Protocol], recipe_of: str | None
) -> list[Difference]:
    """Everything that forbids the comparison, or that one side does not state. Reads no score."""
    found = []
    for subject in [claim.subject, claim.baseline] if claim.baseline else [claim.subject]:
        if subject.ours != subject.theirs:
            own = subject.ours.variant or "the method's default"
            found.append(
                Difference(f"variant of {subject.run}", own, subject.theirs.variant or "the paper's main setting")
            )
    if claim.row["paper"] != recipe_of and is_trained(claim.subject.run):
        found.append(Difference("training recipe", "this profile's", claim.row["paper"], known=False))
    if claim.missing:
        found.append(Difference("score", "not measured", ", ".join(claim.missing)))
    if claim.protocol is None or claim.protocol not in protocols:
        # nothing is declared, so nothing can be compared: a number alone is no reproduction
        return [*found, Difference("protocol", ours.name, NOT_PUBLISHED)]
    for benchmark in dict.fromkeys(measure.benchmark for measure in claim.measures):
        for each in differences(ours, protocols[claim.protocol], benchmark):
            if each.field not in ACCOUNTED_FOR and each not in found:
                found.append(each)
    if claim.k_unstated:
        found.append(Difference("samples", "avg@k", NOT_PUBLISHED, known=False))
    return found


def _points(claim: Claim, tables: Mapping[Measure, pd.DataFrame]) -> Points:
    """A seed's score is the mean of the claim's measures; its gain is that less GRPO's of the same seed."""
    table = sum(tables[measure] for measure in claim.measures) / len(claim.measures)
    by_seed = table.loc[claim.subject.run].dropna().to_numpy()
    if claim.baseline:
        by_seed = by_seed - table.loc[claim.baseline.run].dropna().to_numpy()
    trained = table[[is_trained(method) for method in table.index]].dropna(axis=1).to_numpy()
    if not trained.size or trained.shape[1] < 2:
        return Points(by_seed, None)
    return Points(by_seed, pool_gains(trained) if claim.baseline else pool_seeds(trained))


def _verdict(claim: Claim, points: Points | None, found: list[Difference], protocol: str) -> Verdict:
    if protocol == LABORATORY:
        reason = "laboratory results are never compared with published numbers"
        return Verdict(NOT_COMPARABLE, None, None, reason)
    if not is_trained(claim.subject.run):
        reason = "one model that was not trained here: training variance unknown"
        return Verdict(INCONCLUSIVE, None, None, reason)
    pooled = points.pooled if points else None
    small = claim.measures and all(each.benchmark in SMALL_SETS for each in claim.measures) and not claim.average
    return judge(
        # what was not measured is among the differences, which decide before any score is read
        points.by_seed if points else np.full(SEEDS, np.nan),
        claim.row["published"],
        claim.spread,
        claim.runs,
        np.sqrt(pooled.variance) if pooled else np.nan,
        pooled.degrees if pooled else 0,
        WIDTH_OF_SMALL_SETS if small else WIDTH,
        found,
    )


def _seeds(claim: Claim, tables: Mapping[Measure, pd.DataFrame]) -> int:
    """How many seeds the claim's run has: the same in all tables."""
    table = next(iter(tables.values()))
    return int(table.loc[claim.subject.run].notna().sum())
