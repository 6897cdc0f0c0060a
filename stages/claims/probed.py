"""The number that a test asks of a probe: what stage diagnose measured of optimiser steps, one value a rollout batch."""

import re
from typing import Literal, NamedTuple, cast

import pandas as pd

from stages.artifacts.probes import AGREEMENTS, ESTIMATES, OF_A_PART, OF_A_STEP

COLUMNS = ["probe", "batch", "update", "optimiser", "learning_rate", "measure", "value"]


class Place(NamedTuple):
    """A step that a probe examined: the first or the last update of a rollout batch."""

    update: Literal["first", "last"]
    optimiser: str
    learning_rate: float


def place_of(text: str) -> Place:
    """ValueError where `text` is no such step."""
    match = re.fullmatch(r"(first|last) ([a-z][a-z0-9_]*) ([0-9][0-9.e+-]*)", text)
    try:
        if match:
            return Place(cast(Literal["first", "last"], match[1]), match[2], float(match[3]))
    except ValueError:
        pass
    raise ValueError(
        f"at: {text!r} names no step of a probe; give the update, optimiser and learning rate, as `first adamw 1e-4`"
    )


def check_probe_measure(measure: str) -> None:
    """ValueError where no probe measures it."""
    name, _, rest = measure.partition(" ")
    of_estimate = name in AGREEMENTS and rest in ESTIMATES
    of_part = name in OF_A_PART and re.fullmatch(r"(region|probability|clip|ratio): .+", rest)
    if measure not in OF_A_STEP and not of_estimate and not of_part:
        raise ValueError(
            f"measure: {measure!r} is of no probe; it measures {', '.join(OF_A_STEP)}, `pearson covariance` ({', '.join(AGREEMENTS)} "
            f"of {', '.join(ESTIMATES)}), and `caused region: A > 0, likely token` ({', '.join(OF_A_PART)}; docs/probes.md)"
        )


def values(probes: pd.DataFrame, probe: str, measure: str, place: Place) -> dict[int, float]:
    """Rollout batch -> value, of the batches that have one. `probes`: a row a number, `COLUMNS`."""
    own = probes[probes["probe"] == probe]
    update = own["update"].min() if place.update == "first" else own["update"].max()
    chosen = own[
        (own["update"] == update)
        & (own["optimiser"] == place.optimiser)
        & (own["learning_rate"] == place.learning_rate)
        & (own["measure"] == measure)
    ].dropna(subset="value")
    return dict(zip(chosen["batch"].astype(int), chosen["value"].astype(float), strict=True))
