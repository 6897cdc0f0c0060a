"""Section `data`: what is trained on."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stages.profile.sections.base import Section
from stages.profile.sections.lab import Lab
from stages.profile.sections.subset import Subset


class Data(Section):
    training: list[str] = Field(min_length=1)
    variant: Literal["as_released", "decontaminated"] = Field("decontaminated", description="of training sets")
    prompt: str = Field(description="template of the training problems, a key of stages.text.prompts.PROMPTS")
    subsets: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")], Subset] = {}
    lab: Lab | None = None

    @model_validator(mode="after")
    def _subsets_of_training_sets(self) -> "Data":
        for name, subset in self.subsets.items():
            if subset.of not in self.training:
                raise ValueError(f"subsets.{name}.of: {subset.of!r} is not in training {self.training}")
            if name in self.training:
                raise ValueError(f"subsets.{name}: a training set has that name; choose another")
        return self
