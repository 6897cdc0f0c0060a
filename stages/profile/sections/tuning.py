"""Section `tuning`: the same number of settings tried for each method, and the set that chooses among them."""

from itertools import product
from typing import Annotated, Any, NamedTuple

from pydantic import Field, model_validator

from stages.profile.sections.base import Section

RATE = "learning_rate"

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Point(NamedTuple):
    """One of the settings that are tried: `of`, the name in `grids`; `settings`, what is tried of them."""

    of: str
    settings: dict[str, Any]


class Tuning(Section):
    """A grid a method. Its points are runs named `<method>_1`, `<method>_2`, …, the last setting varying fastest."""

    select_on: str = Field(
        description="the set of data.own whose avg@k, a mean over seeds, chooses; it is no benchmark of the report"
    )
    grids: dict[Name, dict[Name, list[Any]]] = Field(
        min_length=1,
        description="method, or name of method_settings -> learning_rate, another setting, or both -> values; as many "
        "points for each method",
    )

    @model_validator(mode="after")
    def _of_equal_size(self) -> "Tuning":
        for name, grid in self.grids.items():
            if others := [setting for setting in grid if setting != RATE][1:]:
                raise ValueError(f"grids.{name}: {others[0]} is one too many; vary {RATE} and one other setting")
            for setting, values in grid.items():
                if setting in ("method", "control", "dataset"):
                    raise ValueError(f"grids.{name}.{setting}: is not tuned; remove it")
                if len(values) != len({repr(value) for value in values}) or not values:
                    raise ValueError(f"grids.{name}.{setting}: {values} is empty or repeats a value; give each once")
            if not grid:
                raise ValueError(f"grids.{name}: is empty; name a setting and its values")
        sizes = {name: len(points) for name, points in self._by_grid().items()}
        first = next(iter(sizes))
        for name, size in sizes.items():
            if size != sizes[first]:
                raise ValueError(
                    f"grids.{name}: {size} points, and {first} has {sizes[first]}; give each method as many"
                )
        if sizes[first] < 2:
            raise ValueError(f"grids.{first}: one point leaves nothing to choose; give at least two")
        return self

    def _by_grid(self) -> dict[str, list[dict[str, Any]]]:
        return {
            name: [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
            for name, grid in self.grids.items()
        }

    def points(self) -> dict[str, Point]:
        """Name of the run under `methods` -> what it tries, in the order of the grids."""
        return {
            f"{name}_{number}": Point(name, settings)
            for name, of_grid in self._by_grid().items()
            for number, settings in enumerate(of_grid, 1)
        }
