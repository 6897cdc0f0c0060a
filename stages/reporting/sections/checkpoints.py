"""The report's section on the checkpoints that rules chose, beside the last ones."""

import pandas as pd

from stages.reporting.inputs.results import Results
from stages.reporting.sections.blocks import Block, Section, Table, Text
from stages.reporting.sections.numbers import number, signed


def checkpoints_section(results: Results, chosen: pd.DataFrame) -> Section:
    """`chosen`: the table of `chosen_checkpoints`."""
    blocks: list[Block] = [
        Text(
            "All other sections show the last checkpoint of each run. These rules chose another one, as papers do; the"
            " published numbers of a paper are set against the checkpoints of its own rule, where the profile has it."
        )
    ]
    for rule, rows in chosen.groupby("rule", sort=False):
        blocks.append(_table(str(rule), results.plan.checkpoints[str(rule)], rows))
    return Section("checkpoints", "What it is worth to choose a checkpoint", blocks)


def _table(name: str, rule: str, rows: pd.DataFrame) -> Table:
    """A row a method; of each benchmark the mean over seeds of the chosen score less the last one's, in points."""
    benchmarks = list(dict.fromkeys(rows["benchmark"]))
    looked_at = set(rows.loc[rows["looked_at"], "benchmark"])
    group: list[list[str]] = []
    for method, own in rows.groupby("method", sort=False):
        runs = own.drop_duplicates("seed")
        cells = [str(method), ", ".join(str(step) for step in runs["step"])]
        if looked_at:
            cells.append(number(100 * runs["optimism"].mean(skipna=False), 1))
        worth = [own.loc[own["benchmark"] == each, "difference"].mean() for each in benchmarks]
        group.append([*cells, *(signed(100 * value, 1) for value in worth)])
    header = ["method", "step, by seed", *(["falls again"] if looked_at else [])]
    header += [f"{each} *" if each in looked_at else each for each in benchmarks]
    caption = (
        f"Rule {name}: {rule}. Score (avg@k) of the chosen checkpoint less that of the last, in points, mean over seeds"
    )
    if looked_at:
        caption += (
            "; * chose. “Falls again”: what the score that chose loses, in points, when the chosen checkpoint is sampled"
            " anew, estimated by choosing with one half of the samples and scoring with the other"
        )
    return Table(f"checkpoints_{name}", caption, header, [("", group)], words=2)
