"""Section `published`: which published numbers ours are set against."""

from typing import Annotated

from pydantic import Field, field_validator

from stages.benchmarks import BENCHMARKS, is_benchmark
from stages.profile.sections.base import Section


class PublishedRow(Section):
    """A method and its form, spelt as in the published tables."""

    method: str = Field(description="its key")
    variant: str | None = Field(None, description="none: the paper's main setting")
    # left out where there is none: such a plan says nothing of it
    train_data: str | None = Field(
        None,
        exclude_if=lambda name: name is None,
        description="the training set, where it is not that of published.train_data",
    )


class Published(Section):
    """Which published numbers ours are set against."""

    model: str = Field(description="the base model, spelt as in the published tables")
    train_data: str = Field(description="the training set, spelt as in the published tables")
    recipe_of: str | None = Field(None, description="the paper whose training recipe this is, a file of data/published")
    rows: dict[str, PublishedRow] = Field({}, description="what a run stands for, where its name does not say")
    equivalence_margins: dict[str, Annotated[float, Field(gt=0)]] = Field(
        {},
        description="benchmark or `average` -> points within which a number is equivalent; else stages/verdicts/margins.py",
    )

    @field_validator("equivalence_margins")
    @classmethod
    def _places(cls, margins: dict[str, float]) -> dict[str, float]:
        for name in margins:
            if name != "average" and not is_benchmark(name):
                raise ValueError(f"{name!r} is no benchmark, nor `average`; known are {', '.join(BENCHMARKS)}")
        return margins
