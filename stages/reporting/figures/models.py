"""Which line each model has, and which models are drawn in colour at first.

A model is told apart by colour, dash and name; the pair of colour and dash repeats after 49. GRPO has the dark, wide
line.
"""

from typing import NamedTuple

import pandas as pd

from stages.artifacts.samples import BASE
from stages.reporting.inputs.results import Results
from stages.reporting.palette import SERIES, variable
from stages.reporting.tables.gains import REFERENCE

DASHES: list[list[float]] = [[], [7, 2.5], [2, 2], [8, 2.5, 2, 2.5], [4, 2], [12, 3], [5, 2, 2, 2, 2, 2]]
CROWD = 8  # of more models than this not all are drawn in colour at first


class Line(NamedTuple):
    """`dash` is lengths of strokes and gaps in pixels, empty for an unbroken line; `width` in pixels."""

    colour: str
    dash: list[float]
    width: float


class Model(NamedTuple):
    """`shown`: drawn in colour until the reader chooses otherwise."""

    name: str
    line: Line
    shown: bool


Lines = dict[str, Line]  # by model or by row of a figure


def lines_of(models: list[str]) -> Lines:
    """Each model's line, by its place among `models`; GRPO's dark and wide, the base model's grey."""
    others = [model for model in models if model not in (REFERENCE, BASE)]
    found = {REFERENCE: Line(variable("ink"), [], 3.0), BASE: Line(variable("muted"), [3, 3], 1.7)}
    for place, model in enumerate(others):
        dash = DASHES[(place + place // SERIES) % len(DASHES)]
        found[model] = Line(variable(f"series-{place % SERIES}"), dash, 1.8)
    return {model: found[model] for model in models}


def models_of(results: Results) -> list[Model]:
    """All models in the order of the tables."""
    shown = shown_at_first(results)
    return [Model(name, line, name in shown) for name, line in lines_of(results.models).items()]


def shown_at_first(results: Results) -> list[str]:
    """All models; of a crowd GRPO, the two whose entropy ends lowest and the four whose entropy ends highest."""
    if len(results.models) <= CROWD:
        return results.models
    chosen = ends_of_a_crowd(results.steps[results.steps["step"] == results.plan.train.steps])
    return [model for model in results.models if model in chosen]


def ends_of_a_crowd(last: pd.DataFrame) -> set[str]:
    """GRPO, and the methods with the two lowest and the four highest entropies of `last`, whose rows are of the last step."""
    others = last[last["method"] != REFERENCE]
    ranked = others.groupby("method", sort=False)["entropy"].mean().sort_values(kind="stable").index
    return {REFERENCE, *ranked[:2], *ranked[-4:]}
