"""Section `probes`: which optimiser steps are examined, and how (docs/probes.md)."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from stages.profile.sections.base import Section

Rates = Annotated[list[PositiveFloat], Field(min_length=1)]


class ProbeOptimiser(Section):
    """What is not here is as in `train.optimiser`."""

    kind: Literal["sgd", "adamw"]
    learning_rates: Rates
    epsilon: PositiveFloat | None = Field(None, description="adamw: Adam's ε; none: that of train.optimiser")


# By decades, so that a step of either is small at first and larger than that of a training at last.
OPTIMISERS = {
    "sgd": ProbeOptimiser(kind="sgd", learning_rates=[1e-3, 1e-2, 1e-1, 1.0, 10.0]),
    "adamw": ProbeOptimiser(kind="adamw", learning_rates=[1e-6, 1e-5, 1e-4, 1e-3, 1e-2]),
}


class Probe(Section):
    """A number that is none is that of section `train`; `updates` that of the method first, if it has its own."""

    batches: PositiveInt = Field(4, description="rollout batches, each of other prompts; intervals are over them")
    prompts: PositiveInt | None = Field(None, description="of a rollout batch")
    responses: PositiveInt | None = Field(None, description="to a prompt")
    updates: PositiveInt | None = Field(None, description="mini-batches of a rollout batch, a step each")
    optimisers: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], ProbeOptimiser] = Field(
        OPTIMISERS, min_length=1, description="name -> a rule whose steps are examined"
    )
    coupled_states: NonNegativeInt = Field(
        8, description="states of an on-policy step whose change is taken apart by its sources; 0: none"
    )


class Probes(Section):
    base: dict[str, Probe] = Field({}, description="method -> probe of its steps from the base model")
    trained: dict[str, Probe] = Field({}, description="<method>-<seed> -> probe of its steps from its last checkpoint")
