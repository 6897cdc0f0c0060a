"""Which methods the seeds tell apart, in words and as a table: for the report, and for the lab's ledger.

`found` is the table of `tables.apart` throughout.
"""

import pandas as pd

from stages.artifacts.steps import COLUMNS
from stages.reporting.sections.blocks import Table
from stages.reporting.sections.numbers import count_of, number
from stages.reporting.tables.estimates import LEVEL
from stages.reporting.tables.gains import REFERENCE

APART = "*"  # beside a number that is told apart from GRPO's
NAMED = 5  # methods that a sentence names; it counts more of them


def apart_from_reference(found: pd.DataFrame) -> str | None:
    """Whose entropy ends above or below GRPO's by more than seeds explain; None where no seeds can tell."""
    entropy = found[(found["measure"] == "entropy") & (found["other"] == REFERENCE)]
    if entropy.empty:
        return None
    apart = entropy[entropy["apart"]]
    seeds = f"{entropy['seeds'].iloc[0]} seeds"
    least = f"{number(entropy['least'].iloc[0], 3)} {COLUMNS['entropy'].unit}"
    if apart.empty:
        return f"No method's entropy ends apart from {REFERENCE}'s: with {seeds} two of these methods are told apart beyond {least}."
    parts = [
        f"{_named(rows['method'])} {'ends' if len(rows) == 1 else 'end'} with {word} entropy than {REFERENCE}"
        for word, rows in (("more", apart[apart["difference"] > 0]), ("less", apart[apart["difference"] < 0]))
        if len(rows)
    ]
    return f"{' and '.join(parts)}, by more than the {least} that {seeds} explain between any two of these methods."


def apart_in_words(found: pd.DataFrame, methods: int) -> str:
    """How many pairs are told apart, and what that means. `methods`: how many there are, with those that lack seeds."""
    compared, pairs = found["method"].nunique(), found.groupby("measure").size().iloc[0] // 2
    told = [
        f"in {COLUMNS[measure].label} {rows['apart'].sum() // 2:,}, which differ by more than {number(rows['least'].iloc[0], 3)}"
        for measure, rows in found.groupby("measure", sort=False)
    ]
    left_out = f" Left out: {count_of(methods - compared, 'method')} without these seeds." if methods > compared else ""
    return (
        f"Of {count_of(pairs, 'pair')} of {compared} methods with {found['seeds'].iloc[0]} seeds each, these are told apart:"
        f" {'; '.join(told)}. That is Tukey's honest difference: were all methods alike, one time in {round(1 / (1 - LEVEL))} any"
        " pair at all would differ by more. What a seed does to all methods alike cancels, and all methods are taken to spread"
        f" alike over seeds.{left_out}"
    )


def apart_table(found: pd.DataFrame, name: str, last: str) -> Table:
    """Methods by the entropy they end with. `last`: which steps the measures are means of, in words."""
    measures = list(dict.fromkeys(found["measure"]))
    entropy = found[found["measure"] == "entropy"]
    values = found.drop_duplicates(["measure", "method"]).pivot(index="method", columns="measure", values="value")
    starts = entropy.drop_duplicates("method").set_index("method")["start"]
    apart = found[(found["other"] == REFERENCE) & found["apart"]]
    marked = {*zip(apart["measure"], apart["method"], strict=True)}
    rows = [
        [method, number(values.at[method, "entropy"] / starts[method], 2)]
        + [number(values.at[method, each], 3) + APART * ((each, method) in marked) for each in measures]
        + [str(entropy.loc[entropy["method"] == method, "apart"].sum())]
        for method in values["entropy"].sort_values(ascending=False, kind="stable").index
    ]
    header = [
        "method",
        "entropy, of its start",
        *(COLUMNS[each].label for each in measures),
        "methods apart in entropy",
    ]
    marks = f"; {APART}: told apart from {REFERENCE}'s" if REFERENCE in starts else ""
    caption = f"{last.capitalize()}, over seeds; entropies in {COLUMNS['entropy'].unit}{marks}"
    return Table(name, caption, header, [("", rows)], words=1)


def _named(methods: pd.Series) -> str:
    return ", ".join(f"`{name}`" for name in methods) if len(methods) <= NAMED else f"{len(methods)} methods"
