"""The report's sections on scores: ours, and published numbers beside them."""

import pandas as pd

from stages.reporting import tables
from stages.reporting.blocks import Picture, Section, Table, Text
from stages.reporting.load import BASE, Results
from stages.reporting.numbers import MISSING, interval, number
from stages.reporting.tables import AVERAGE, REFERENCE


def scores_section(results: Results, runs: pd.DataFrame, methods: pd.DataFrame) -> Section:
    blocks = [Text(_kinds(results)), _scores(results, runs, methods)]
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
                "Unbiased pass@k against k: do more samples find what one does not?",
            )
        )
    if len(results.settings["seeds"]) > 1:
        blocks.append(_by_run(runs))
    levels = tables.by_level(results)
    if len(levels):
        blocks.append(_levels(levels))
    return Section("scores", "Scores", blocks)


def _kinds(results: Results) -> str:
    """Which interval is printed, in words."""
    gain = (
        f" Gains over {REFERENCE} are paired by seed; an interval that holds 0 shows no difference."
        if REFERENCE in results.methods
        else f" {REFERENCE} is not among the methods, so no gains are given."
    )
    alone = "sampling noise of that one model on these questions; training variance unknown"
    seeds = results.settings["seeds"]
    if len(seeds) == 1:
        return f"Scores are percentages, intervals 95 % of the kind “one model”: {alone}.{gain}"
    return (
        f"Scores are percentages, means over {len(seeds)} training seeds. Intervals are 95 %, mean ±"
        f" t({len(seeds) - 1})·sd/√{len(seeds)} over seeds, on the same questions; one without width says that the"
        f" seeds agree, not that the number is certain. The base model is one model: its interval is {alone}.{gain}"
    )


def _scores(results: Results, runs: pd.DataFrame, methods: pd.DataFrame) -> Table:
    gain = {(row.method, row.benchmark): interval(row, sign=True) for row in tables.gains(runs).itertuples()}
    counts = tables.sample_counts(results)
    groups = []
    for benchmark, k in results.settings["benchmarks"].items():
        if not (methods["benchmark"] == benchmark).any():
            groups.append((f"{benchmark}: not run (the reason is given at the top)", []))
            continue
        rows = []
        for method in [BASE, *results.methods]:
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
    overall = list(tables.averages(runs).itertuples())
    if overall:
        ran = max(row.benchmarks for row in overall)
        rows = [
            [row.method, interval(row), MISSING, gain.get((row.method, AVERAGE), MISSING), MISSING, MISSING]
            for row in overall
            if row.benchmarks == ran
        ]
        groups.append((f"average of the {ran} benchmarks that ran", rows))
    header = ["method", "avg@k, %", "pass@k, %", f"gain over {REFERENCE}, points", "length, tokens", "truncated, %"]
    return Table("avg@k and unbiased pass@k by benchmark and method; gains are in avg@k", header, groups)


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
        "Each run by itself, with the one-model interval", ["run", "avg@k, %", "pass@k, %"], groups, folded=True
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
        "Scores by difficulty (few problems each: read them as a hint)",
        ["run", "avg@k, %", "pass@k, %"],
        groups,
        folded=True,
    )


def published_section(results: Results, beside: pd.DataFrame | None) -> Section:
    if beside is None:
        return Section("published", "Not compared with published numbers", [Text(text) for text in _without(results)])
    setting = results.settings["published"]
    head = (
        f"Numbers printed for {setting['model']} trained on {setting['train_data']}, in points, as they stand in their"
        " sources. They stand beside ours and no verdict is drawn: prompts, graders and checkpoints may differ between"
        " the sources and from ours, and with fewer than three seeds no verdict is possible. Ours is empty where the"
        " benchmark was not run, or where a pass@k would need more samples a problem than were drawn."
    )
    if beside.empty:
        return Section(
            "published",
            "Published numbers beside ours",
            [Text(head), Text("The table holds no number of this setting for the declared methods and benchmarks.")],
        )
    groups = []
    for benchmark, rows in beside.groupby("benchmark", sort=False):
        lines = []
        for row in rows.itertuples():
            ours = MISSING
            if not pd.isna(row.ours):
                ours = (
                    interval(tables.Estimate(row.ours, row.low, row.high, row.interval), scale=1.0)
                    + f" (k = {int(row.our_k)})"
                )
            lines.append([row.method, row.paper, row.printed, row.metric, row.evidence, number(row.published, 2), ours])
        groups.append((benchmark, lines))
    header = ["method", "paper (arXiv)", "as printed", "metric", "evidence", "published", "ours [95 %]"]
    table = Table("Published numbers beside ours; sources are in tables/published.csv", header, groups, words=5)
    return Section("published", "Published numbers beside ours", [Text(head), table])


def _without(results: Results) -> list[str]:
    """Why no published number stands here, and what the picture cannot show."""
    steps = results.steps
    clipped = steps[["clip_fraction_high", "clip_fraction_low"]].mean().sum()
    texts = [
        (
            f"Profile `{results.profile}` is never compared with published numbers: its model, problems and lengths are"
            " those of no paper. It shows that the whole path runs and what each method does to a small model, not"
            " which method is better."
        ),
        (
            f"Methods may coincide at this scale. They differ from {REFERENCE} mostly in what they do to clipped or"
            f" unlikely tokens, and on average only {number(100 * clipped, 2)} % of the tokens are clipped here."
        ),
    ]
    scaled = {
        "par": (
            "PAR's λ moves in steps that let it arrive within the run, and its threshold can be a share of the first"
            " step's entropy"
        ),
        "flexible": "Flexible's clip widths follow the run's own length",
    }
    used = [text for method, text in scaled.items() if method in results.methods]
    if used:
        texts.append(
            f"{'; '.join(used)}. The values in force are printed under “Schedules of the methods” and among the"
            " settings."
        )
    return texts
