"""The report's section on published numbers: ours beside theirs, the verdicts, and why a number does not compare."""

import pandas as pd

from stages.reporting.inputs.results import Results
from stages.reporting.sections.blocks import Block, Group, Picture, Section, Table, Text
from stages.reporting.sections.numbers import number
from stages.reporting.sections.resolution import resolved_beside_published
from stages.reporting.sections.verdict_table import plain, verdict_table
from stages.reporting.tables.comparison import Comparison, on_another_set
from stages.reporting.tables.settings import printed
from stages.verdicts import false_alarms
from stages.verdicts.families import FIXED

TITLE = "Published numbers beside ours"


def verdicts_section(results: Results, tables: dict[str, pd.DataFrame], compared: Comparison | None) -> Section:
    """`tables`: those of `stages.report.measure`."""
    setting = results.plan.published
    if compared is None or setting is None:
        return Section("published", "Not compared with published numbers", [Text(text) for text in _without(results)])
    verdicts = compared.verdicts[compared.verdicts["family"] != FIXED]
    further = set(verdicts["train_data"].dropna()) - {setting.train_data}
    others = ", or on the set that is named beside the method" if further else ""
    blocks: list[Block] = [
        Text(
            f"Numbers printed for {setting.model} trained on {setting.train_data}{others}, in points. {_rule(verdicts)}"
        )
    ]
    if compared.left_out:
        names = ", ".join(f"`{name}`" for name in compared.left_out)
        blocks.append(Text(f"Not compared, alone or in an average, because it did not run for every run: {names}."))
    if other_sets := on_another_set(results.plan):
        blocks.append(Text(other_sets))
    if verdicts.empty:
        blocks.append(Text("There is no published number of this setting for the declared methods and benchmarks."))
        return Section("published", TITLE, blocks)
    counted = verdicts["kind"].value_counts(sort=False)
    blocks.append(Text(f"Verdicts: {', '.join(f'{count} {verdict}' for verdict, count in counted.items())}."))
    blocks += [Text(text) for text in (false_alarms(verdicts).text, _withdrawn(verdicts)) if text]
    if verdicts["p"].notna().any():
        blocks += [Text(text) for text in resolved_beside_published(tables["resolution"])]
    headline = verdicts["headline"].astype(bool)
    if (headline & verdicts["half_width"].notna()).any():
        words = "Ours less published with its half width, a row a headline verdict; the numbers are in the table."
        shown = "Ours less published with its half width. Green: equivalent; orange: not reproduced; grey: neither."
        blocks.append(Picture("verdicts", words, shown))
    if headline.any():
        caption = "Headline verdicts: gains over GRPO and averages"
        blocks.append(verdict_table("verdicts_headline", caption, verdicts[headline], setting.train_data))
    if (~headline).any():
        caption = "Published numbers beside ours, benchmark by benchmark"
        folded = bool(headline.any())
        blocks.append(verdict_table("verdicts", caption, verdicts[~headline], setting.train_data, folded))
    if len(compared.differences):
        blocks.append(_differences(compared.differences))
    return Section("published", TITLE, blocks)


def _rule(verdicts: pd.DataFrame) -> str:
    """How the verdicts came about, as far as these have come about so."""
    if not verdicts["p"].notna().any():
        return "None of them could be judged; the reason stands beside each."
    printed_spread = int(verdicts["spread"].notna().sum())
    variance = (
        f"{printed_spread} of the {len(verdicts)} are printed with a standard deviation over runs, which is used; without one,"
        if printed_spread
        else "None of these numbers is printed with its variance:"
    )
    return (
        "Gains over GRPO and averages come first. h is the half width of the 95 % interval of the difference, on the same"
        f" questions, from each method's own variance over training seeds. {variance}"
        " a published run is taken to vary as ours of the same method. “Equivalent"
        " within ±m”: the 90 % interval lies within the margin m, which was stated before the runs. “Not reproduced”: the"
        " number is not equivalent and the 95 % interval holds no zero, which must stand, but for single scores, when"
        " corrected for the number of verdicts."
    )


def _withdrawn(verdicts: pd.DataFrame) -> str:
    rows = verdicts[verdicts["withdrawn"].astype(bool)]
    if rows.empty:
        return ""
    named = "; ".join(
        f"{row.run}, {row.quantity}, {row.benchmark} ({row.paper}, {row.table})" for row in rows.itertuples()
    )
    return f"Withdrawn, because of how many verdicts are read together ({len(rows)} “not reproduced”): {named}."


def _differences(differences: pd.DataFrame) -> Table:
    groups: list[Group] = [
        (
            str(paper) if pd.isna(benchmark) else f"{paper}: {benchmark}",
            [[row.field, printed(row.ours), printed(row.theirs), _agreement(row.known)] for row in rows.itertuples()],
        )
        for (paper, benchmark), rows in differences.groupby(["paper", "benchmark"], sort=False, dropna=False)
    ]
    caption = "Where our protocol differs from a paper's, or cannot be told to agree, field by field"
    return Table(
        "protocol_differences", caption, ["field", "ours", "theirs", "agreement"], groups, words=4, folded=True
    )


def _agreement(known: object) -> str:
    return plain(known) if plain(known) == "·" else ("different" if known else "unknown")


def _without(results: Results) -> list[str]:
    """Why no published number stands here, and how much of the training clipping touched."""
    text = (
        f"Profile `{results.plan.profile}` names no published setting, so it is not compared with published numbers: a score"
        " compares only where model, training data and protocol are the same."
    )
    if not results.methods:
        return [text]
    clipped = results.steps[["clip_fraction_high", "clip_fraction_low"]].mean().sum()
    return [text, f"{number(100 * clipped, 2)} % of the tokens are clipped, mean over runs and steps."]
