"""The report's section on what each method logs of itself."""

from stages.artifacts.steps import OWN
from stages.reporting.inputs.results import Results
from stages.reporting.sections.blocks import Picture, Section, Table, Text
from stages.reporting.sections.numbers import number
from stages.reporting.tables.steps import own_columns


def schedules_section(results: Results) -> Section:
    groups: dict[str, list[list[str]]] = {}
    for method, column in own_columns(results.steps):
        values = results.steps[results.steps["method"] == method].groupby("step")[column].mean().dropna()
        cells = (number(value, 4) for value in (values.iloc[0], values.min(), values.max(), values.iloc[-1]))
        groups.setdefault(method, []).append([column.removeprefix(OWN), *cells])
    seeds = "" if len(results.plan.seeds) == 1 else ", means over seeds"
    text = (
        "What each method logs of itself: the weights, clip widths and thresholds that it used at each step. A schedule"
        " that depends on a run's length or on its first entropy takes other values in another profile."
    )
    header = ["quantity", "first step", "lowest", "highest", "last step"]
    table = Table("schedules", f"The methods' own quantities over training steps{seeds}", header, list(groups.items()))
    picture = Picture(
        "schedules",
        "The methods' own quantities over training steps; first, lowest, highest and last values are in the table.",
        "The methods' own quantities over training steps, each on its own scale.",
    )
    return Section("schedules", "Schedules of the methods", [Text(text), table, picture])
