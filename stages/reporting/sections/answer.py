"""The report's first section: who kept entropy, what it bought and at what price, and what may not be concluded."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from stages.reporting.inputs.results import Results
from stages.reporting.sections.apart import apart_from_reference
from stages.reporting.sections.blocks import Block, Picture, Section, Table, Text
from stages.reporting.sections.numbers import MISSING, count_of, interval, number
from stages.reporting.tables.answer import picture_of
from stages.reporting.tables.comparison import Comparison
from stages.reporting.tables.estimates import LEVEL
from stages.reporting.tables.gains import AVERAGE, REFERENCE
from stages.reporting.tables.steps import ends_in_words
from stages.verdicts.families import FIXED
from stages.verdicts.judge import NOT_REPRODUCED


def answer_section(results: Results, tables: dict[str, pd.DataFrame], compared: Comparison | None) -> Section:
    """`tables`: those of `stages.report`."""
    found = tables["answer"]
    apart = apart_from_reference(tables["apart"])
    sentences = [*_entropy(found), *([apart] if apart else []), *_gains(tables)]
    blocks: list[Block] = [Text(" ".join(sentences))] if sentences else []
    blocks.append(Text(f"What may not be concluded: {'; '.join(_not_shown(results, tables, compared))}."))
    if shown := picture_of(found):
        what = f"Gain over {REFERENCE} in points of avg@k" if shown == "gain" else "avg@k in %"
        low = found.loc[found["method"] != REFERENCE, "gain_low" if shown == "gain" else "score_low"]
        intervals = " with its 95 % interval" if low.notna().any() else ""
        across = "" if shown == "score alone" else " against the share of its entropy that a method kept"
        words = f"{what} on {_scored_on(tables)}{intervals}{across}"
        blocks.append(Picture("answer", f"{words}; the numbers are in the table.", f"{words}."))
    blocks.append(_table(results, tables))
    return Section("answer", "The answer", blocks)


def _entropy(found: pd.DataFrame) -> list[str]:
    """Who kept the most of its entropy, and how many kept more than GRPO."""
    kept = found.loc[found["kept"].notna()].set_index("method")["kept"]
    if kept.empty:
        return []
    most, least = _named(kept[kept == kept.max()].index), _named(kept[kept == kept.min()].index)
    if kept.nunique() == 1:
        return [f"{most} ended with {_percent(kept.iloc[0])} of the entropy that training began with."]
    text = f"{most} kept the most of the first entropy, {_percent(kept.max())}, and {least} the least, {_percent(kept.min())}"
    if REFERENCE in kept and (more := int((kept > kept[REFERENCE]).sum())):
        text += (
            f"; {more} of {count_of(len(kept) - 1, 'method')} kept more than {REFERENCE}'s {_percent(kept[REFERENCE])}"
        )
    return [f"{text}."]


def _gains(tables: dict[str, pd.DataFrame]) -> list[str]:
    """Which gains are beyond chance after correction for their number: those on the average of benchmarks."""
    gains = tables["gains"]
    tested = gains[(gains["benchmark"] == AVERAGE) & gains["p"].notna()]
    if tested.empty:
        return []
    standing = tested[tested["p_holm"] < 1 - LEVEL]
    chance = "chance" if set(tested["interval"]) == {"seeds"} else "the noise of sampling"
    where = f"on {_scored_on(tables)}, beyond {chance} after correction for {count_of(len(tested), 'comparison')}"
    parts = [
        f"{_named(rows['method'])} scored {word} than {REFERENCE}"
        for word, rows in (("more", standing[standing["value"] > 0]), ("less", standing[standing["value"] < 0]))
        if len(rows)
    ]
    if not parts:
        return [f"No method is shown to score more or less than {REFERENCE} {where}."]
    return [f"{' and '.join(parts)} {where}."]


def _scored_on(tables: dict[str, pd.DataFrame]) -> str:
    """What the column of scores is of."""
    benchmarks = tables["averages"]["benchmarks"].max()
    only = ", ".join(f"`{name}`" for name in dict.fromkeys(tables["scores_by_run"]["benchmark"]))
    return only if benchmarks == 1 else f"the average of the {benchmarks} benchmarks"


def _named(methods: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in methods)


def _not_shown(results: Results, tables: dict[str, pd.DataFrame], compared: Comparison | None) -> list[str]:
    """Parts of a sentence, each said only of results that it holds for."""
    seeds, methods, parts = len(results.plan.seeds), results.methods, []
    if results.missing:
        parts.append("what the runs that are declared and not there yet will change")
    if not methods:
        parts.append("anything of training, since nothing was trained here")
    elif seeds == 1 and len(methods) == 1:
        parts.append("what another training seed would give, since there is one")
    elif seeds == 1:
        parts.append(
            "that one method is better than another, since with one training seed the variance of training is unknown"
        )
    elif len(tables["gains"]) and (least := _least_gain(tables["resolution"])) > 0:
        parts.append(
            f"that a method whose interval holds zero gains nothing, since {seeds} seeds miss a true gain below"
            f" {number(least, 1)} points in more than one of five cases"
        )
    if compared is None:
        parts.append("anything of published numbers, which this profile is not compared with")
    elif ((compared.verdicts["family"] == FIXED) & (compared.verdicts["kind"] == NOT_REPRODUCED)).any():
        parts.append(
            "that a published number fails to hold for its method, since models not trained here are off as well"
        )
    return [*parts, "anything of other models, data or protocols"]


def _least_gain(resolution: pd.DataFrame) -> float:
    """On the average of benchmarks; 0 where none can be given."""
    rows = resolution[resolution["benchmark"] == AVERAGE]
    return float(rows["least_gain"].iloc[0]) if len(rows) else 0.0


def _table(results: Results, tables: dict[str, pd.DataFrame]) -> Table:
    found = tables["answer"]
    first, last = ends_in_words(results.plan.train.steps)
    score = "avg@k, %" if tables["averages"]["benchmarks"].max() == 1 else "average of avg@k, %"
    more_sampled = found["responses"].nunique() > 1  # else it tells of no difference
    rows = []
    for row in found.itertuples():
        scores = [_estimate(row, "score"), _estimate(row, "gain", sign=True)]
        entropy, reward = _change(row, "entropy", 3), _change(row, "reward", 2)
        kept = MISSING if pd.isna(row.kept) else _percent(row.kept)
        cost = [number(row.tokens / 1000, 0), *([number(row.responses, 0)] if more_sampled else [])]
        rows.append([row.method, getattr(row, "verdicts", "") or MISSING, kept, entropy, reward, *scores, *cost])
    header = ["model", "verdicts", "entropy kept", "entropy, nats a token", "reward", score]
    header += [
        f"gain over {REFERENCE}, points",
        "1,000 tokens trained on",
        *(["responses sampled"] if more_sampled else []),
    ]
    training = f"entropy and reward: {first} → {last}" if results.methods else ""
    means = "means over seeds" if results.methods and len(results.plan.seeds) > 1 else ""
    brackets = "in brackets 95 % intervals" if any("[" in cell for row in rows for cell in row) else ""
    spent = "tokens and responses: of a run" if more_sampled else "tokens: of a run" if results.methods else ""
    caption = "; ".join(part for part in ("Each model", training, means, brackets, spent) if part)
    return Table("answer", caption, header, [("", rows)], words=2)


def _estimate(row: Any, name: str, sign: bool = False) -> str:
    value, low, high = (getattr(row, column) for column in (name, f"{name}_low", f"{name}_high"))
    if name == "gain" and row.method == REFERENCE:
        return MISSING
    return interval(pd.Series({"value": value, "low": low, "high": high}), sign=sign)


def _change(row: Any, name: str, digits: int) -> str:
    first, last = getattr(row, f"{name}_first"), getattr(row, f"{name}_last")
    return MISSING if pd.isna(first) else f"{number(first, digits)} → {number(last, digits)}"


def _percent(share: float) -> str:
    return f"{number(100 * share, 0)} %"
