"""Section `data.lab`: the generated problems."""

from typing import Annotated, Literal

from pydantic import Field

from stages.profile.sections.base import Section

Problems = Annotated[int, Field(gt=0, le=100_000)]


class Lab(Section):
    """The generated problems (see stages/lab/problems.py)."""

    families: list[Literal["sum", "chain", "code"]] = Field(min_length=1, description="what is trained on")
    train_per_level: Problems = Field(description="problems to train on, for each family and level")
    test_per_level: Problems = Field(description="problems of each benchmark, for each level")
