"""The report's section on scores: avg@k, pass@k and gains over GRPO, with their intervals."""

import pandas as pd

from stages.reporting.blocks import Picture, Section, Table, Text
from stages.reporting.load import Results
from stages.reporting.numbers import MISSING, interval, number
from stages.reporting.tables import AVERAGE, REFERENCE


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
    return (
        f"Scores are percentages, means over {len(seeds)} training seeds. Intervals are 95 %, mean ±"
        f" t({len(seeds) - 1})·sd/√{len(seeds)} over seeds, on the same questions; one without width says that the"
        f" seeds agree, not that the number is certain. A model that was not trained here is one model: its interval is {alone}.{gain}"
    )


def _scores(results: Results, found: dict[str, pd.DataFrame]) -> Table:
    gain = {(row.method, row.benchmark): interval(row, sign=True) for row in found["gains"].itertuples()}
    counts, methods = found["samples"], found["scores_by_method"]
    groups = []
    for benchmark, k in results.plan.benchmarks.items():
        if not (methods["benchmark"] == benchmark).any():
            groups.append((f"{benchmark}: not run (the reason is given at the top)", []))
            continue
        rows = []
        for method in results.models:
            own = methods[(methods["method"] == method) & (methods["benchmark"] == benchmark)]
            if own.empty:
                rows.append([method, "not run", *[MISSING] * 4])
                continue
            average = next(own[own["metric"] == "avg"].itertuples())
            at_k = next(own[(own["metric"] == "pass") & (own["k"] == k)].itertuples())
            sampled = counts[(counts["method"] == method) & (counts["benchmark"] == benchmark)]
            truncated = 100 * sampled["truncated"].sum() / sampled["samples"].sum()
            lengths = [number(sampled["mean_length"].mean(), 1), number(truncated, 1)]
            rows.append([method, interval(average), interval(at_k), gain.get((method, benchmark), MISSING), *lengths])
        problems = counts[counts["benchmark"] == benchmark]["problems"]
        groups.append((f"{benchmark}: k = {k}, {problems.iloc[0]} problems", rows))
    overall = list(found["averages"].itertuples())
    if overall:
        ran = max(row.benchmarks for row in overall)
        rows = [
            [row.method, interval(row), MISSING, gain.get((row.method, AVERAGE), MISSING), MISSING, MISSING]
            for row in overall
            if row.benchmarks == ran
        ]
        groups.append((f"average of the {ran} benchmarks that ran", rows))
    header = ["method", "avg@k, %", "pass@k, %", f"gain over {REFERENCE}, points", "length, tokens", "truncated, %"]
    return Table("scores", "avg@k and unbiased pass@k by benchmark and method; gains are in avg@k", header, groups)


def _by_run(runs: pd.DataFrame) -> Table:
    groups = []
    for benchmark, rows in runs.groupby("benchmark", sort=False):
        largest = rows["k"].max()
        lines = []
        for run, own in rows.groupby("run", sort=False):
            average = next(own[own["metric"] == "avg"].itertuples())
            at_k = next(own[(own["metric"] == "pass") & (own["k"] == largest)].itertuples())
            lines.append([run, interval(average), interval(at_k)])
        groups.append((f"{benchmark}: k = {largest}", lines))
    return Table(
        "scores_by_run",
        "Each run by itself, with the one-model interval",
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
