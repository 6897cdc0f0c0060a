"""Figures over training steps: what every run logs, and what a method logs of itself."""

from collections.abc import Iterable

import altair as alt
import pandas as pd

from stages.artifacts.steps import COLUMNS, OWN
from stages.reporting.figures.charts import line_panel
from stages.reporting.figures.models import Lines
from stages.reporting.figures.specification import Figure, Specification
from stages.reporting.tables.steps import DERIVED, GAP, RIGHT, WRONG, own_columns

VALIDATION = "validation_correct"
# figure -> columns of its panels, in the order of the report; panels of absent columns are left out
PROGRESS = {
    "entropy": ("entropy",),
    "reward": ("reward",),
    "validation": (VALIDATION,),
    "response_length": ("response_length",),
    "clip_fractions": ("clip_fraction_high", "clip_fraction_low"),
    "entropy_by_token_class": ("entropy_style", "entropy_connector", "entropy_digit", "entropy_other"),
    "styles_per_group": ("styles_per_group",),
    "trainer_against_engine": (
        "engine_log_prob_difference",
        "engine_log_prob_largest",
        "engine_kl",
        "engine_ratio_outside",
    ),
    "calibration": (RIGHT, WRONG, GAP),
}
SIGNED = {RIGHT, WRONG, GAP}  # all others never fall below zero
DESCRIBED = COLUMNS | DERIVED


def progress_figures(steps: pd.DataFrame, last: int, models: Lines) -> dict[str, Figure]:
    """Name -> figure; `steps` as of `with_gap`, `last` the number of the last step."""
    step, drawn = _step(last), {}
    for name, columns in PROGRESS.items():
        panels = progress_panels([column for column in columns if column in steps], last, models)
        if panels:
            drawn[name] = Figure(panels, "steps")
    own = []
    for method, column in own_columns(steps):
        constant = steps[column].nunique() == 1  # has no scale but zero's
        title = f"{method}: {column.removeprefix(OWN)}"
        own.append(line_panel("steps", models, column, title, step, zero=constant, only={"method": method}))
    return drawn | ({"schedules": Figure(own, "steps", 3)} if own else {})


def progress_panels(columns: Iterable[str], last: int, models: Lines) -> list[Specification]:
    """A panel for each of `columns` of the step log."""
    step, panels = _step(last), []
    for column in columns:
        described = DESCRIBED[column]
        share = described.unit.startswith("share")
        panels.append(
            line_panel("steps", models, column, described.title, step, zero=column not in SIGNED, share=share)
        )
    return panels


def _step(last: int) -> alt.X:
    whole = alt.Scale(domain=[0, last], nice=False)
    return alt.X("step:Q", title="training step", scale=whole, axis=alt.Axis(tickMinStep=1, tickCount=6, grid=False))
