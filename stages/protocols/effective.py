"""A protocol in which nothing is unknown: what a profile's models are really evaluated by."""

from typing import Annotated

from pydantic import Field, PositiveInt

from stages.protocols.record import Key, Prompt, Protocol


class EffectiveProtocol(Protocol):
    temperature: Annotated[float, Field(ge=0)]
    top_p: Annotated[float, Field(gt=0, le=1)]
    top_k: Annotated[int, Field(ge=-1)]
    max_tokens: PositiveInt
    samples: dict[Key, PositiveInt]  # type: ignore[assignment]  # a dict of some of the values is not a dict of all
    prompts: dict[Key, Prompt] = Field(description="benchmark -> template, of every benchmark")
    graders: dict[Key, str] = Field(description="benchmark -> grader, of every benchmark")
