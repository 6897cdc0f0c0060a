"""Section `published`: which published numbers ours are set against."""

from pydantic import Field

from stages.profile.sections.base import Section


class PublishedRow(Section):
    """A method and its form, spelt as in the published tables."""

    method: str
    variant: str | None = Field(None, description="none: the paper's main setting")


class Published(Section):
    """Which published numbers ours are set against."""

    model: str
    train_data: str
    recipe_of: str | None = Field(None, description="the paper whose training recipe this is, a file of data/published")
    rows: dict[str, PublishedRow] = Field({}, description="what a run stands for, where its name does not say")
