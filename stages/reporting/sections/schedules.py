"""The report's section on what each method logs of itself."""

import pandas as pd

from stages.artifacts.steps import OWN
from stages.reporting.inputs.results import Results
from stages.reporting.sections.blocks import Picture, Section, Table, Text
from stages.reporting.sections.numbers import number
from stages.reporting.tables.steps import own_columns


def schedules_section(results: Results) -> Section:
    groups: dict[str, list[list[str]]] = {}
    for method, column in own_columns(results.steps):
        values = results.steps[results.steps["method"] == method].groupby("step")[column].mean().dropna()
        first, last = (_logged_at(values, place, end) for place, end in ((0, 1), (-1, results.plan.train.steps)))
        cells = [first, number(values.min(), 4), number(values.max(), 4), last]
        groups.setdefault(method, []).append([column.removeprefix(OWN), *cells])
    seeds = "" if len(results.plan.seeds) == 1 else ", means over seeds"
    text = (
        "What each method logs of itself. What it carries from step to step is logged as it stands at the beginning of a"
        " step: what the first step sets shows from the second on. A quantity that is not logged at the first or the last"
        " step has the number of the step in brackets. A schedule that depends on a run's length or on its first entropy"
        " takes other values in another profile."
    )
    header = ["quantity", "first logged", "lowest", "highest", "last logged"]
    table = Table("schedules", f"The methods' own quantities over training steps{seeds}", header, list(groups.items()))
    picture = Picture(
        "schedules",
        "The methods' own quantities over training steps; first, lowest, highest and last logged values are in the table.",
        "The methods' own quantities over training steps, each on its own scale.",
    )
    return Section("schedules", "Schedules of the methods", [Text(text), table, picture])


def _logged_at(values: pd.Series, place: int, end: int) -> str:
    """The value at a place of the log, and its step in brackets unless that is `end`."""
    step = int(values.index[place])
    return number(values.iloc[place], 4) + (f" (step {step})" if step != end else "")
