"""Section `data`: what is trained on."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stages.profile.sections.base import Section
from stages.profile.sections.lab import Lab
from stages.profile.sections.own import OwnSet
from stages.profile.sections.subset import Subset
from stages.text.prompts import PROMPTS


class Data(Section):
    training: list[str] = Field(
        [],
        description="sets that can be trained on: of data/sources.yaml, lab, or names of own; none where nothing is trained",
    )
    variant: Literal["as_released", "decontaminated"] = Field("decontaminated", description="of training sets")
    prompt: str = Field(description=f"template of the training problems: {', '.join(PROMPTS)} (stages/text/prompts.py)")
    subsets: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")], Subset] = Field(
        {}, description="parts of training sets, under names of their own"
    )
    own: dict[Annotated[str, Field(pattern=r"^own_[a-z0-9][a-z0-9_]*$")], OwnSet] = Field(
        {}, description="files of one's own: own_<name> -> file, licence, and of a benchmark k, grader, prompt"
    )
    lab: Lab | None = Field(None, description="the generated problems, where they are named")

    @model_validator(mode="after")
    def _subsets_of_training_sets(self) -> "Data":
        if len(set(self.training)) < len(self.training):
            raise ValueError(f"training: {self.training} repeats an entry")
        for name, own in self.own.items():
            if (own.k is not None) == (name in self.training):
                raise ValueError(
                    f"own.{name}: give k, which makes it a benchmark, or name it in training, and not "
                    f"{'both' if own.k else 'neither'}"
                )
        for name, subset in self.subsets.items():
            if subset.of not in self.training:
                raise ValueError(f"subsets.{name}.of: {subset.of!r} is not in training {self.training}")
            if name in self.training:
                raise ValueError(f"subsets.{name}: a training set has that name; choose another")
        return self
