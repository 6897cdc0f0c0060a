"""Section `data.lab`: the generated problems."""

from typing import Literal

from pydantic import Field, PositiveInt

from stages.profile.sections.base import Section


class Lab(Section):
    """The generated problems (see stages/lab/problems.py)."""

    families: list[Literal["sum", "chain", "code"]] = Field(min_length=1, description="what is trained on")
    train_per_level: PositiveInt
    test_per_level: PositiveInt
