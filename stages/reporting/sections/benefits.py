"""The report's section on scores: avg@k, pass@k and gains over GRPO, with their intervals."""

from typing import Any

import pandas as pd

from stages.reporting.inputs.results import Results
from stages.reporting.sections.blocks import Block, Group, Picture, Section, Table, Text
from stages.reporting.sections.numbers import MISSING, interval, number
from stages.reporting.sections.resolution import resolved_gains
from stages.reporting.tables.estimates import LEVEL
from stages.reporting.tables.gains import AVERAGE, REFERENCE

Gains = dict[tuple[str, str], str]  # (method, benchmark) -> gain over GRPO as printed


def benefits_section(results: Results, tables: dict[str, pd.DataFrame]) -> Section:
    """`tables`: those of `stages.report.measure`."""
    blocks: list[Block] = [Text(sentence) for sentence in _kinds(results, tables["gains"])]
    if len(tables["gains"]):
        blocks.append(
            Picture(
                "gains",
                f"Gain over {REFERENCE} with its 95 % interval, a panel for the average of benchmarks and one for each"
                " benchmark; the numbers are in the table of scores.",
                f"Gain over {REFERENCE} in points of avg@k with its 95 % interval.",
            )
        )
    blocks.append(_scores(results, tables))
    if len(results.methods) > 1:
        blocks += resolved_gains(tables["resolution"], len(results.plan.seeds))
    runs = tables["scores_by_run"]
    if len(runs):
        blocks.append(
            Picture(
                "scores",
                "avg@k with its 95 % interval, one panel a benchmark; the numbers are in the table of scores.",
                "avg@k with its 95 % interval.",
            )
        )
    if (runs["k"] > 1).any():
        blocks.append(
            Picture(
                "pass_at_k",
                "Unbiased pass@k against k, one panel a benchmark; the numbers are in tables/scores_by_method.csv.",
                "Unbiased pass@k against k with its 95 % interval: do more samples find what one does not?",
            )
        )
    if len(results.plan.seeds) > 1:
        blocks.append(_by_run(runs))
    if len(tables["scores_by_level"]):
        blocks.append(_by_level(tables["scores_by_level"]))
    return Section("scores", "What does it buy", blocks)


def _kinds(results: Results, gains: pd.DataFrame) -> list[str]:
    """Which intervals are printed and what they cover; which gains are beyond chance."""
    seeds = len(results.plan.seeds)
    alone = "“one model”: the sampling noise of one trained model on these questions; training variance unknown"
    pairs = (
        "“paired samples”: the sampling noise of the difference of two trained models that were sampled with the same"
        " seeds; training variance unknown"
    )
    over_seeds = (
        f"“seeds”: mean ± t·sd/√{seeds} over the training seeds on the same questions, with the method's own standard"
        " deviation. One without width says that the seeds agree, not that the number is certain"
    )
    kinds = [over_seeds] if seeds > 1 else []
    kinds += [alone] if "one model" in set(_intervals(results)) else []
    kinds += [pairs] if "paired samples" in set(gains["interval"]) else []
    averaged = "" if seeds == 1 else f", means over {seeds} training seeds unless the row says otherwise"
    texts = [f"Scores are percentages{averaged}. 95 % intervals by their kind. {'. '.join(kinds)}."]
    if REFERENCE not in results.methods:
        return [*texts, f"{REFERENCE} is not among the methods, so there are no gains over it."]
    return [*texts, *_found(gains)]


def _intervals(results: Results) -> list[str]:
    """The kinds of the scores' intervals: models that were not trained here have one seed at most, as one-seed runs."""
    sampled_again = any(graded.correct.shape[1] > 1 for graded in results.grades.values())
    return ["one model"] if sampled_again else []


def _found(gains: pd.DataFrame) -> list[str]:
    """How many gains are beyond chance, before and after correction for their number."""
    tested = gains[gains["p"].notna()]
    if tested.empty:
        return []
    alone, after = tested[tested["p"] < 1 - LEVEL], tested[tested["p_holm"] < 1 - LEVEL]
    withdrawn = alone[alone["p_holm"] >= 1 - LEVEL]
    text = (
        f"Gains over {REFERENCE} are in points of avg@k. Of {len(tested)} with an interval {len(alone)} exclude zero each by"
        f" itself; {len(after)} do after Holm's correction within two families, the gains in the average and those on single"
        " benchmarks"
    )
    text += f": {_names(after)}." if len(after) else "."
    return [text + (f" Withdrawn by the correction: {_names(withdrawn)}." if len(withdrawn) else "")]


def _names(gains: pd.DataFrame) -> str:
    return ", ".join(f"{row.method} on {row.benchmark}" for row in gains.itertuples())


def _scores(results: Results, tables: dict[str, pd.DataFrame]) -> Table:
    gains: Gains = {(row.method, row.benchmark): interval(row, sign=True) for row in tables["gains"].itertuples()}
    scores = {(row.method, row.benchmark, row.metric, row.k): row for row in tables["scores_by_method"].itertuples()}
    sampled = dict(list(tables["samples"].groupby(["method", "benchmark"])))
    groups = _average(tables["averages"], gains)
    for benchmark, k in results.plan.benchmarks.items():
        ran = [model for model in results.models if (model, benchmark) in sampled]
        if not ran:
            groups.append((f"{benchmark}: not run (the first notices say why)", []))
            continue
        rows = []
        for model in results.models:
            if model not in ran:
                rows.append([model, MISSING, "not run", *[MISSING] * 4])
                continue
            both = [interval(scores[model, benchmark, metric, k]) for metric in ("avg", "pass")]
            kind = _kind(scores[model, benchmark, "avg", k], results)
            counts = sampled[model, benchmark]
            truncated = 100 * counts["truncated"].sum() / counts["samples"].sum()
            lengths = [number(counts["mean_length"].mean(), 1), number(truncated, 1)]
            rows.append([model, kind, *both, gains.get((model, benchmark), MISSING), *lengths])
        problems = sampled[ran[0], benchmark]["problems"].iloc[0]
        groups.append((f"{benchmark}: k = {k}, {problems} problems", rows))
    scored = ["avg@k, %", "pass@k, %", f"gain over {REFERENCE}, points"]
    header = ["model", "interval", *scored, "length, tokens", "truncated, %"]
    caption = "avg@k and unbiased pass@k by benchmark and model, the kind of their intervals, and gains in avg@k"
    return Table("scores", caption, header, groups, words=2)


def _kind(row: Any, results: Results) -> str:
    """The kind of an interval, and of how many seeds where not all have the number."""
    declared = len(results.plan.seeds)
    return f"{row.interval}, {row.seeds} of {declared} seeds" if 1 < row.seeds < declared else row.interval


def _average(averages: pd.DataFrame, gains: Gains) -> list[Group]:
    """The group that comes first: the average of the benchmarks that ran, for the models that have all of them."""
    if averages.empty:
        return []
    ran = averages["benchmarks"].max()
    rows = [
        [row.method, row.interval, interval(row), MISSING, gains.get((row.method, AVERAGE), MISSING), MISSING, MISSING]
        for row in averages[averages["benchmarks"] == ran].itertuples()
    ]
    return [("the one benchmark that ran" if ran == 1 else f"average of the {ran} benchmarks that ran", rows)]


def _by_run(runs: pd.DataFrame) -> Table:
    groups: list[Group] = []
    for benchmark, rows in runs.groupby("benchmark", sort=False):
        largest = rows["k"].max()
        found = {(row.run, row.metric, row.k): interval(row) for row in rows.itertuples()}
        names = rows["run"].unique()
        lines = [[run, *(found[run, metric, largest] for metric in ("avg", "pass"))] for run in names]
        groups.append((f"{benchmark}: k = {largest}", lines))
    caption = "Each run by itself, with the interval “one model”"
    return Table("scores_by_run", caption, ["run", "avg@k, %", "pass@k, %"], groups, folded=True)


def _by_level(levels: pd.DataFrame) -> Table:
    groups: list[Group] = []
    for (benchmark, level), rows in levels.groupby(["benchmark", "level"], sort=False):
        first = rows.iloc[0]
        lines = [
            [run, number(100 * average, 1), number(100 * passed, 1)]
            for run, average, passed in zip(rows["run"], rows["avg"], rows["pass"], strict=True)
        ]
        groups.append((f"{benchmark}, level {level}: {first['problems']} problems, k = {first['k']}", lines))
    caption = "Scores by difficulty, without intervals"
    return Table("scores_by_level", caption, ["run", "avg@k, %", "pass@k, %"], groups, folded=True)
