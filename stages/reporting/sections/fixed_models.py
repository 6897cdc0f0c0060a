"""The report's section on the first published numbers to look at: those of models that nobody trained here.

The base model is the same in every paper, so a number of it that is off is a matter of the protocol: it is looked at
before anything trained is.
"""

import pandas as pd

from stages.reporting.sections.blocks import Section, Text
from stages.reporting.sections.numbers import count_of, number, signed
from stages.reporting.sections.verdict_table import verdict_table
from stages.reporting.tables.comparison import Comparison
from stages.verdicts.families import FIXED
from stages.verdicts.judge import EQUIVALENT, INCONCLUSIVE, NOT_COMPARABLE, NOT_REPRODUCED

TITLE = "Before anything is compared: the models that were not trained here"


def fixed_models_section(compared: Comparison) -> list[Section]:
    """The section, or nothing where no number is published of a model that was evaluated and not trained here."""
    rows = compared.verdicts[compared.verdicts["family"] == FIXED]
    if rows.empty:
        return []
    texts = [_verdicts(rows), *_papers_that_disagree(rows)]
    caption = "Published numbers of models that were not trained here, beside ours; only the sampling varies"
    return [Section("fixed", TITLE, [*map(Text, texts), verdict_table("verdicts_fixed", caption, rows)])]


def _verdicts(rows: pd.DataFrame) -> str:
    kinds = rows["kind"].value_counts()
    counts = {kind: int(kinds.get(kind, 0)) for kind in (EQUIVALENT, NOT_REPRODUCED, INCONCLUSIVE, NOT_COMPARABLE)}
    judged = len(rows) - counts[NOT_COMPARABLE]
    text = f"{count_of(len(rows), 'published number')} of models that were not trained here:"
    text += f" {', '.join(f'{count} {kind}' for kind, count in counts.items() if count)}."
    if not judged:
        return f"{text} So nothing shows yet whether the protocols agree."
    off = rows[rows["kind"] == NOT_REPRODUCED]
    if off.empty:
        return f"{text} Of the {judged} that could be judged none is off beyond chance."
    named = "; ".join(
        f"{row.run} on {row.benchmark} ({row.paper}, {row.table}) by {signed(row.difference, 1)}"
        for row in off.itertuples()
    )
    return f"{text} Off beyond chance, so that the same must be expected of what was trained: {named}."


def _papers_that_disagree(rows: pd.DataFrame) -> list[str]:
    """Where papers print different numbers of the same weights; avg@k has the same expectation for all k."""
    found = []
    scores = rows[rows["quantity"] == "score"].replace({"metric": {"accuracy": "avg"}})
    for (model, benchmark, metric), printed in scores.groupby(["run", "benchmark", "metric"], sort=False):
        values = printed.drop_duplicates(["paper", "published"])
        if values["paper"].nunique() > 1 and values["published"].nunique() > 1:
            each = ", ".join(f"{number(row.published, 1)} ({row.paper})" for row in values.itertuples())
            found.append(f"{model} on {benchmark}, {metric}: {each}")
    return [f"Papers print different numbers of the same weights. {'; '.join(found)}."] if found else []
