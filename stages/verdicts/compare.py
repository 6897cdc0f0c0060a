"""A verdict on every published number of a setting: protocols are compared first, scores are read after that."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from stages.protocols.differences import Difference, differences
from stages.protocols.record import Protocol
from stages.published.schema import NOT_PUBLISHED
from stages.statistics import Error, Pooled, pool_gains, pool_seeds, seeds_for_equivalence, trained_error
from stages.statistics.contrasts import MOST_SEEDS
from stages.verdicts.claims import BENCHMARK_AVERAGE, GAIN, GAIN_AVERAGE, Claim, PublishedMethod, claims, training_sets
from stages.verdicts.comparability import LABORATORY, Comparability, comparability, evaluated_for
from stages.verdicts.families import FIXED, corrected, family_of
from stages.verdicts.judge import NOT_REPRODUCED, SEEDS, Verdict, judge, not_comparable, too_few
from stages.verdicts.margins import margin_of
from stages.verdicts.scores import Measure, Table, is_trained, score_tables

COLUMNS = [
    "headline", "quantity", "paper", "table", "method", "variant", "train_data", "run", "benchmark", "metric", "k",
    "published", "evidence", "spread", "checkpoint", "ours", "difference", "half_width", "margin", "seeds", "unknown",
    "verdict", "reason", "kind", "p", "family", "withdrawn",
]  # fmt: skip


def compare(
    scores: pd.DataFrame,
    published: pd.DataFrame,
    model: str,
    train_data: str,
    ours: Protocol,
    protocols: Mapping[str, Protocol],
    stands_for: Mapping[str, PublishedMethod],
    recipe_of: str | None = None,
    margins: Mapping[str, float] | None = None,
    chosen: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """The verdicts on all claims about our runs: gains over GRPO and averages over benchmarks, then single scores.

    `scores`: one row a run, benchmark, metric (avg or pass) and k; columns method, seed, benchmark, metric, k, value and
    error (of the sampling alone), both in points. `published`: `stages.published.schema.load`. `model` and
    `train_data`, the training set of runs for which `stands_for` names none, are spelt as there. `ours`: our effective
    protocol; `protocols`: the papers', by name. `stands_for`: a run (a `method` of `scores`) -> what it is in the
    published tables; no number is set against a trained run that is not in it.
    `recipe_of`: the paper whose training recipe ours is. `margins`: a profile's own equivalence margins, in points.
    `chosen`: rule for a checkpoint -> `scores` with each trained model at the checkpoint that it chose; the numbers of a
    paper with that rule are set against these.

    Returns one row a claim. Columns: `COLUMNS`; `verdict` is the text, `kind` one of judge.KINDS, `unknown` the fields
    that one side does not state, `train_data` empty where nothing was trained here, `p` before correction, `family` one
    of families.FAMILIES.
    InputError: a score that is NaN, doubled or missing, or has two k.
    """
    chosen = chosen or {}
    by_rule = {ours.checkpoint: score_tables(scores)} | {rule: score_tables(table) for rule, table in chosen.items()}
    asked = claims(published, model, train_data, forms(scores["method"], stands_for), by_rule[ours.checkpoint])
    own = [evaluated_for(protocols.get(claim.protocol or ""), ours, chosen) for claim in asked]
    found = [comparability(claim, each, protocols, recipe_of) for claim, each in zip(asked, own, strict=True)]
    scored = [by_rule[each.checkpoint] for each in own]
    verdicts = corrected(asked, [_verdict(*each, margins or {}) for each in zip(asked, scored, found, strict=True)])
    off = _fixed_models_off(asked, verdicts)
    rows = []
    for claim, tables, verdict, each, protocol in zip(asked, scored, verdicts, found, own, strict=True):
        shown = None if claim.missing or ours.name == LABORATORY else float(_by_seed(claim, tables).mean())
        remarks = [verdict.reason, claim.remark]
        if verdict.p is not None and not claim.fixed:
            remarks += off.get((claim.row["paper"], claim.row["benchmark"]), [])
        if verdict.p is not None and each.cancelling:
            remarks.append(f"another {' and '.join(each.cancelling)} there, which shifts both scores of the gain alike")
        rows.append(
            {
                **claim.row,
                "headline": claim.headline and not claim.fixed,
                "spread": claim.spread,
                "checkpoint": None if claim.fixed else protocol.checkpoint,
                "ours": shown,
                "seeds": _seeds(claim, tables),
                "difference": verdict.difference,
                "half_width": verdict.half_width,
                "margin": verdict.margin,
                "unknown": ", ".join(verdict.unknown) or None,
                "verdict": verdict.text,
                "reason": "; ".join(filter(None, remarks)),
                "kind": verdict.kind,
                "p": verdict.p,
                "family": family_of(claim),
                "withdrawn": verdict.withdrawn,
            }
        )
    order = {GAIN_AVERAGE: 0, BENCHMARK_AVERAGE: 1, GAIN: 2}
    rows.sort(key=lambda row: (row["family"] == FIXED, order.get(row["quantity"], 3)))
    numbers = dict.fromkeys(["k", "published", "spread", "ours", "difference", "half_width", "margin", "p"], float)
    return pd.DataFrame(rows, columns=COLUMNS).astype({**numbers, "headline": bool, "withdrawn": bool})


def forms(models: Sequence[str] | pd.Series, stands_for: Mapping[str, PublishedMethod]) -> dict[str, PublishedMethod]:
    """What each of our models is in the published tables: base and released ones by their names, trained ones as given."""
    names = dict.fromkeys(models)
    known = {name: PublishedMethod(name) for name in names if not is_trained(name)}
    return known | {name: form for name, form in stands_for.items() if name in names}


def protocol_diffs(
    published: pd.DataFrame,
    model: str,
    train_data: str,
    benchmarks: list[str],
    ours: Protocol,
    protocols: Mapping[str, Protocol],
    rules: Collection[str] = (),
    stands_for: Mapping[str, PublishedMethod] | None = None,
) -> pd.DataFrame:
    """Where our effective protocol and a paper's differ or cannot be compared: one row a paper, benchmark and field.

    For the papers that print this setting, or another training set that a run of `stands_for` is on, and those of
    `benchmarks` that they print. `rules`: those for a checkpoint that we follow beside ours. Columns: paper, benchmark,
    field, ours, theirs, known. A paper without a protocol has one row, field `protocol`, benchmark empty.
    """
    sets = training_sets(train_data, stands_for or {})
    rows = published[(published["model"] == model) & published["train_data"].isin(sets)]
    found: list[tuple[str, str | None, Difference]] = []
    for paper, printed in rows.groupby("paper", sort=False):
        name = printed["protocol"].iloc[0]
        if name not in protocols:
            found.append((paper, None, Difference("protocol", ours.name, NOT_PUBLISHED, known=False)))
            continue
        for benchmark in benchmarks:
            if (printed["benchmark"] == benchmark).any():
                theirs = protocols[name]
                own = evaluated_for(theirs, ours, rules)
                found += [(paper, benchmark, each) for each in differences(own, theirs, benchmark)]
    return pd.DataFrame(
        [(paper, benchmark, each.field, each.ours, each.theirs, each.known) for paper, benchmark, each in found],
        columns=["paper", "benchmark", "field", "ours", "theirs", "known"],
    )


def _verdict(
    claim: Claim, tables: Mapping[Measure, Table], found: Comparability, margins: Mapping[str, float]
) -> Verdict:
    if found.forbidding:
        return not_comparable(found.forbidding, found.unknown)
    by_seed, margin = _by_seed(claim, tables), margin_of(claim, margins)
    difference = float(by_seed.mean() - claim.row["published"])
    if claim.fixed:
        return judge(difference, _fixed_error(claim, tables), margin, found.unknown)
    if len(by_seed) < SEEDS:
        return too_few(len(by_seed), found.unknown)
    runs, subjects = claim.runs or 1, [claim.subject.run, *([claim.baseline.run] if claim.baseline else [])]
    scores = np.array([_mean(claim, tables, run) for run in subjects])
    extra = sum(_of_fewer_samples(claim, tables, run) for run in subjects) / runs
    error = trained_error(scores, runs, extra, claim.spread, max(runs, 2))  # a spread is of two runs or more
    return judge(difference, error, margin, found.unknown, _advice(claim, tables, margin, runs, extra))


def _mean(claim: Claim, tables: Mapping[Measure, Table], run: str) -> np.ndarray:
    """[seeds]: the mean of the claim's measures."""
    return np.mean([tables[measure].values[run] for measure in claim.measures], axis=0)


def _by_seed(claim: Claim, tables: Mapping[Measure, Table]) -> np.ndarray:
    """[seeds]: a seed's mean of the claim's measures; its gain is that less GRPO's of the same seed."""
    own = _mean(claim, tables, claim.subject.run)
    return own - _mean(claim, tables, claim.baseline.run) if claim.baseline else own


def _sampling(claim: Claim, tables: Mapping[Measure, Table], run: str) -> tuple[np.ndarray, np.ndarray]:
    """[measures] each: the sampling variance of our score, mean over seeds, and that of the published score.

    avg@k of k samples a problem has k'/k times the variance of avg@k'. Where no k is stated, one sample is presumed: the
    least there can be, so that the interval errs on the wide side.
    """
    ours = np.array([(tables[measure].errors[run] ** 2).mean() for measure in claim.measures])
    ratio = [
        measure.k / (1 if np.isnan(k) else k) if measure.metric == "avg" else 1.0
        for measure, k in zip(claim.measures, claim.printed_k, strict=True)
    ]
    return ours, ours * np.array(ratio)


def _of_fewer_samples(claim: Claim, tables: Mapping[Measure, Table], run: str) -> float:
    """How much more a published score varies than ours because fewer samples a problem are behind it."""
    ours, theirs = _sampling(claim, tables, run)
    return float(np.clip(theirs - ours, 0, None).sum()) / len(claim.measures) ** 2


def _fixed_error(claim: Claim, tables: Mapping[Measure, Table]) -> Error:
    """Of a model that was not trained here: both numbers are of the same weights, so only the sampling varies.

    A printed standard deviation over runs, of two at least, takes the place of the published number's sampling variance.
    """
    ours, theirs = _sampling(claim, tables, claim.subject.run)
    own = float(ours.sum()) / len(claim.measures) ** 2
    if claim.spread is None:
        return Error(float(np.sqrt(own + theirs.sum() / len(claim.measures) ** 2)), np.inf)
    runs = max(claim.runs or 1, 2)
    printed = claim.spread**2 / runs
    total = own + printed
    return Error(float(np.sqrt(total)), (runs - 1) * (total / printed) ** 2 if printed > 0 else np.inf)


def _pooled(claim: Claim, tables: Mapping[Measure, Table]) -> tuple[Pooled, Pooled]:
    """The variances over seeds of a score and of a gain, pooled over the trained methods: what to expect of more seeds."""
    runs = filter(is_trained, tables[claim.measures[0]].values)
    trained = np.array([_mean(claim, tables, run) for run in runs])
    return pool_seeds(trained), pool_gains(trained) if claim.gain else pool_seeds(trained)


def _advice(claim: Claim, tables: Mapping[Measure, Table], margin: float, runs: int, extra: float) -> str:
    of_score, of_claim = _pooled(claim, tables)
    rows = 2 if claim.gain else 1
    theirs = rows * of_score.variance / runs if claim.spread is None else claim.spread**2 / max(runs, 2)
    needed = seeds_for_equivalence(margin, of_claim.variance, theirs + extra, rows)
    if needed is None:
        return (
            f"{MOST_SEEDS} seeds could not tell either: the published number's own chance is too wide for this margin"
        )
    return f"{needed} seeds would show equal numbers to be equivalent in four of five cases, if seeds vary as these do"


def _fixed_models_off(asked: Sequence[Claim], verdicts: Sequence[Verdict]) -> dict[tuple[str, str], list[str]]:
    """(paper, benchmark) -> that the paper's number of a model that nobody trained is not reproduced here."""
    found: dict[tuple[str, str], list[str]] = {}
    for claim, verdict in zip(asked, verdicts, strict=True):
        if claim.fixed and verdict.kind == NOT_REPRODUCED and verdict.difference is not None:
            text = f"{claim.subject.run} is off as well, by {verdict.difference:+.1f}: nobody trained it"
            found.setdefault((claim.row["paper"], claim.row["benchmark"]), []).append(text)
    return {place: list(dict.fromkeys(texts)) for place, texts in found.items()}


def _seeds(claim: Claim, tables: Mapping[Measure, Table]) -> int:
    """How many seeds the claim's run has: the same in all tables."""
    return len(next(iter(tables.values())).values[claim.subject.run])
