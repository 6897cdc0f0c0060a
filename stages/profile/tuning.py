"""Whether a profile's grids can be tried, and the set that chooses among them says nothing that is reported."""

from collections.abc import Iterable, Mapping
from typing import Any

from stages.benchmarks import BENCHMARKS
from stages.profile.sections.data import Data
from stages.profile.sections.tuning import Tuning


def check_tuning(
    tuning: Tuning, methods: list[str], method_settings: Mapping[str, Any], data: Data, known: Iterable[str]
) -> None:
    """ValueError names the field and the fix. `known` are the names of all methods."""
    chooses = tuning.select_on
    if chooses in BENCHMARKS:
        raise ValueError(
            f"tuning.select_on: {chooses} is a benchmark, whose scores would be too high for having chosen; give a set of "
            "data.own with k"
        )
    if chooses not in data.own or data.own[chooses].k is None:
        raise ValueError(f"tuning.select_on: {chooses!r} is no set of data.own with k; declare its file, licence and k")
    if data.variant != "decontaminated":
        raise ValueError(
            f"tuning.select_on: problems of {chooses} may stand in a training set that is taken as_released; set "
            "data.variant: decontaminated"
        )
    points = tuning.points()
    for name, point in points.items():
        if name in method_settings or name in known:
            raise ValueError(
                f"tuning.grids.{point.of}: {name} is its run, and the name of another; rename that of method_settings"
            )
    if missing := [name for name in points if name not in methods]:
        raise ValueError(f"tuning.grids: its runs are to stand in methods; add {', '.join(missing)}")
