"""The report's section on published numbers: ours beside theirs, the verdicts, and why a number does not compare."""

from typing import Any

import pandas as pd

from stages.reporting.inputs.results import Results
from stages.reporting.sections.blocks import Block, Group, Picture, Section, Table, Text
from stages.reporting.sections.numbers import MISSING, number, signed
from stages.reporting.tables.comparison import Comparison
from stages.reporting.tables.gains import REFERENCE
from stages.reporting.tables.settings import printed
from stages.verdicts import false_alarms

# PAR's and Flexible's schedules follow the run; what they became has to be looked up.
SCALED = {
    "par": "PAR's λ moves by a fixed step, and its threshold can be a share of the first step's entropy",
    "flexible": "Flexible's clip widths follow the run's own length",
}


def verdicts_section(results: Results, compared: Comparison | None) -> Section:
    setting = results.plan.published
    if compared is None or setting is None:
        return Section("published", "Not compared with published numbers", [Text(text) for text in _without(results)])
    verdicts = compared.verdicts
    blocks: list[Block] = [
        Text(
            f"Numbers printed for {setting.model} trained on {setting.train_data}, in points, as they stand in their"
            " sources, beside ours at the same k. Gains over GRPO and averages come first: a prompt or grader that shifts"
            " all scores alike shifts them less. h is the half width of the 95 % interval of the difference, on the same"
            " questions: our variance over seeds is pooled over the methods, the published one is added. A row without"
            " ours asks for a benchmark or a k that was not sampled."
        )
    ]
    if compared.left_out:
        names = ", ".join(f"`{name}`" for name in compared.left_out)
        blocks.append(Text(f"Not compared, alone or in an average, because it did not run for every run: {names}."))
    if verdicts.empty:
        blocks.append(Text("There is no published number of this setting for the declared methods and benchmarks."))
        return Section("published", "Published numbers beside ours", blocks)
    counted = verdicts["kind"].value_counts(sort=False)
    blocks.append(Text(f"Verdicts: {', '.join(f'{count} {verdict}' for verdict, count in counted.items())}."))
    if verdicts["half_width"].notna().any():
        blocks.append(Text(false_alarms(verdicts).text))
    headline = verdicts["headline"]
    if (headline & verdicts["half_width"].notna()).any():
        words = "Ours less published with its half width, a row a headline verdict; the numbers are in the table."
        shown = "Ours less published with its half width. Green: reproduced; orange: not reproduced; grey: neither."
        blocks.append(Picture("verdicts", words, shown))
    if headline.any():
        caption = "Headline verdicts: gains over GRPO and averages"
        blocks.append(_verdicts("verdicts_headline", caption, verdicts[headline]))
    if (~headline).any():
        caption = "Published numbers beside ours, benchmark by benchmark"
        blocks.append(_verdicts("verdicts", caption, verdicts[~headline], folded=bool(headline.any())))
    if len(compared.differences):
        blocks.append(_differences(compared.differences))
    return Section("published", "Published numbers beside ours", blocks)


def _verdicts(name: str, caption: str, verdicts: pd.DataFrame, folded: bool = False) -> Table:
    """A group a paper and table, those with a judged number first; a row a published number."""
    groups = []
    for (paper, place), rows in verdicts.groupby(["paper", "table"], sort=False, dropna=False):
        lines = []
        for row in rows.itertuples():
            metric = row.metric if pd.isna(row.k) else f"{row.metric}@{int(row.k)}"
            what = [_run(row), row.benchmark.replace(",", ", "), f"{row.quantity}, {metric}", _plain(row.evidence)]
            half = "" if pd.isna(row.half_width) else f" ± {number(row.half_width, 1)}"
            difference = MISSING if pd.isna(row.difference) else signed(row.difference, 1)
            numbers = [number(row.published, 2), f"{number(row.ours, 1)}{half}", difference]
            lines.append([*what, _plain(row.verdict), _plain(row.reason), *numbers])
        groups.append((rows["half_width"].isna().all(), f"{paper}, {place}", lines))
    header = ["method", "benchmark", "quantity", "evidence", "verdict", "reason"]
    header += ["published", "ours ± h", "difference"]
    judged_first = sorted(groups, key=lambda group: group[0])
    return Table(name, caption, header, [group[1:] for group in judged_first], words=6, folded=folded)


def _run(row: Any) -> str:
    """A number's method and form; in brackets the name of the run of ours beside it, where that is another."""
    form = row.method if pd.isna(row.variant) or not row.variant else f"{row.method}, {row.variant}"
    return form if row.run == row.method else f"{form} ({row.run})"


def _differences(differences: pd.DataFrame) -> Table:
    groups: list[Group] = [
        (
            str(paper) if pd.isna(benchmark) else f"{paper}: {benchmark}",
            [[row.field, printed(row.ours), printed(row.theirs), _plain(row.known)] for row in rows.itertuples()],
        )
        for (paper, benchmark), rows in differences.groupby(["paper", "benchmark"], sort=False, dropna=False)
    ]
    caption = "Where our protocol differs from a paper's, field by field"
    return Table("protocol_differences", caption, ["field", "ours", "theirs", "known"], groups, words=4, folded=True)


def _plain(value: object) -> str:
    """A word, or the sign for none."""
    return MISSING if value is None or value == "" or pd.isna(value) else str(value)


def _without(results: Results) -> list[str]:
    """Why no published number stands here, and what is to be known of the methods' differences."""
    clipped = results.steps[["clip_fraction_high", "clip_fraction_low"]].mean().sum()
    texts = [
        (
            f"Profile `{results.plan.profile}` names no published setting, so it is not compared with published numbers:"
            " a score compares only where model, training data and protocol are the same."
        ),
        (
            f"Many methods differ from {REFERENCE} only in what they do to clipped tokens: where none is clipped, they do"
            f" what {REFERENCE} does. Here {number(100 * clipped, 2)} % of the tokens are clipped, mean over runs and steps."
        ),
    ]
    used = [text for method, text in SCALED.items() if method in results.methods]
    if used:
        where = "The values that were used are under “Schedules of the methods” and among the settings."
        texts.append(f"{'; '.join(used)}. {where}")
    return texts
