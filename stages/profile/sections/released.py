"""Section `models.<name>`: a model that others trained."""

from typing import Literal

from pydantic import Field, model_validator

from stages.profile.sections.base import Section
from stages.profile.sections.model import ChatTemplate, Model, check_place


class Released(Section):
    """A checkpoint that others trained: evaluated like a run of this bench, never trained."""

    hub: str = Field("", description="owner/name")
    revision: str = Field("", description="hub commit")
    folder: str = Field("", description="an HF folder, instead")
    chat_template: ChatTemplate = Field("own", description="none: the model is given the prompt alone")

    @model_validator(mode="after")
    def _one_place(self) -> "Released":
        if bool(self.hub) == bool(self.folder):
            raise ValueError("give either hub with revision, or folder")
        check_place(self.source, self.source, self.hub or self.folder, self.revision)
        return self

    @property
    def source(self) -> Literal["hub", "folder"]:
        return "hub" if self.hub else "folder"

    def as_model(self) -> Model:
        return Model(
            source=self.source, name=self.hub or self.folder, revision=self.revision, chat_template=self.chat_template
        )
