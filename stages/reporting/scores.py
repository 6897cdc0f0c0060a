"""The report's section on scores: avg@k, pass@k and gains over GRPO, with their intervals."""

from typing import Any

import pandas as pd

from stages.reporting.blocks import Picture, Section, Table, Text
from stages.reporting.gains import AVERAGE, REFERENCE
from stages.reporting.load import Results
from stages.reporting.numbers import MISSING, interval, number


def scores_section(results: Results, found: dict[str, pd.DataFrame]) -> Section:
    """`found`: the tables of `stages.report.measure`."""
    blocks = [Text(_kinds(results))]
    if len(found["gains"]):
        blocks.append(
            Picture(
                "gains",
                f"Gain over {REFERENCE} with its 95 % interval, a panel for the average of benchmarks and one for each"
                " benchmark; the numbers are in the table of scores.",
                f"Gain over {REFERENCE} in points of avg@k with its 95 % interval; it resolves a difference where it"
                " does not reach zero.",
            )
        )
    blocks.append(_scores(results, found))
    runs = found["scores_by_run"]
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
    levels = found["scores_by_level"]
    if len(levels):
        blocks.append(_levels(levels))
    return Section("scores", "What does it buy", blocks)


def _kinds(results: Results) -> str:
    """Which interval is printed, in words."""
    gain = (
        f" Gains over {REFERENCE} are paired by seed; an interval that holds 0 shows no difference."
        if REFERENCE in results.methods
        else f" {REFERENCE} is not among the methods, so no gains are given."
    )
    alone = "sampling noise of that one model on these questions; training variance unknown"
    seeds = results.plan.seeds
    if len(seeds) == 1:
        return f"Scores are percentages, intervals 95 % of the kind “one model”: {alone}.{gain}"
    kinds = (
        f"“pooled seeds”: mean ± t·sd/√{len(seeds)} over seeds, on the same questions, with the variance over seeds pooled"
        f" over the methods; “seeds”: likewise with t({len(seeds) - 1}) and the method's own variance, where nothing could"
        f" be pooled; “one model”, for a model that was not trained here: {alone}"
    )
    return (
        f"Scores are percentages, means over {len(seeds)} training seeds unless a row says otherwise. Intervals are 95 %"
        f" and of three kinds, {kinds}."
        f" One without width says that the seeds agree, not that the number is certain.{gain}"
    )


def _scores(results: Results, found: dict[str, pd.DataFrame]) -> Table:
    gain = {(row.method, row.benchmark): interval(row, sign=True) for row in found["gains"].itertuples()}
    scores = {(row.method, row.benchmark, row.metric, row.k): row for row in found["scores_by_method"].itertuples()}
    sampled = dict(list(found["samples"].groupby(["method", "benchmark"])))
    groups = _average(found["averages"], gain)
    for benchmark, k in results.plan.benchmarks.items():
        ran = [model for model in results.models if (model, benchmark) in sampled]
        if not ran:
            groups.append((f"{benchmark}: not run (the reason is given at the top)", []))
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
            rows.append([model, kind, *both, gain.get((model, benchmark), MISSING), *lengths])
        problems = sampled[ran[0], benchmark]["problems"].iloc[0]
        groups.append((f"{benchmark}: k = {k}, {problems} problems", rows))
    scored = ["avg@k, %", "pass@k, %", f"gain over {REFERENCE}, points"]
    header = ["method", "interval", *scored, "length, tokens", "truncated, %"]
    caption = "avg@k and unbiased pass@k by benchmark and method, with the kind of their intervals; gains are in avg@k"
    return Table("scores", caption, header, groups, words=2)


def _kind(row: Any, results: Results) -> str:
    """The kind of an interval, and of how many seeds where not all have the number."""
    declared = len(results.plan.seeds)
    return f"{row.interval}, {row.seeds} of {declared} seeds" if 1 < row.seeds < declared else row.interval


def _average(averages: pd.DataFrame, gain: dict[tuple[str, str], str]) -> list[tuple[str, list[list[str]]]]:
    """The group that comes first: the average of the benchmarks that ran, for the models that have all of them."""
    if averages.empty:
        return []
    ran = averages["benchmarks"].max()
    rows = [
        [row.method, row.interval, interval(row), MISSING, gain.get((row.method, AVERAGE), MISSING), MISSING, MISSING]
        for row in averages[averages["benchmarks"] == ran].itertuples()
    ]
    return [(f"average of the {ran} benchmarks that ran", rows)]


def _by_run(runs: pd.DataFrame) -> Table:
    groups = []
    for benchmark, rows in runs.groupby("benchmark", sort=False):
        largest = rows["k"].max()
        found = {(row.run, row.metric, row.k): interval(row) for row in rows.itertuples()}
        names = rows["run"].unique()
        lines = [[run, *(found[run, metric, largest] for metric in ("avg", "pass"))] for run in names]
        groups.append((f"{benchmark}: k = {largest}", lines))
    return Table(
        "scores_by_run",
        "Each run by itself, with the interval “one model”",
        ["run", "avg@k, %", "pass@k, %"],
        groups,
        folded=True,
    )


def _levels(levels: pd.DataFrame) -> Table:
    groups = []
    for (benchmark, level), rows in levels.groupby(["benchmark", "level"], sort=False):
        first = rows.iloc[0]
        lines = [
            [row.run, number(100 * row.avg, 1), number(100 * row.passed, 1)]
            for row in rows.rename(columns={"pass": "passed"}).itertuples()
        ]
        groups.append((f"{benchmark}, level {level}: {first['problems']} problems, k = {first['k']}", lines))
    return Table(
        "scores_by_level",
        "Scores by difficulty (few problems each: read them as a hint)",
        ["run", "avg@k, %", "pass@k, %"],
        groups,
        folded=True,
    )
