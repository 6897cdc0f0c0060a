"""Section `data.subsets.<name>`: part of a training set."""

from typing import Literal

from pydantic import Field, NonNegativeInt, model_validator

from stages.profile.sections.base import Section


class Subset(Section):
    """Part of a training set: `prompts` of it at random, or the `largest` of its `clusters`. 0: not given."""

    of: str = Field(description="the training set")
    by: Literal["random", "clusters"] = Field(description="how its prompts are chosen")
    prompts: NonNegativeInt = Field(0, description="random: how many")
    clusters: NonNegativeInt = Field(
        0, description="clusters: of the base model's embeddings of the prompts, how many are made"
    )
    largest: NonNegativeInt = Field(0, description="clusters: how many of the largest are taken")

    @model_validator(mode="after")
    def _sized(self) -> "Subset":
        wanted = {"random": ["prompts"], "clusters": ["clusters", "largest"]}[self.by]
        if wanted != [name for name in ("prompts", "clusters", "largest") if getattr(self, name)]:
            raise ValueError(f"by {self.by} takes {' and '.join(wanted)}, and nothing else")
        if self.by == "clusters" and self.largest > self.clusters:
            raise ValueError(f"largest ({self.largest}) cannot be more than clusters ({self.clusters})")
        return self
