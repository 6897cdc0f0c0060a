"""What a method can be set to. Every field has its source, or its meaning, in its description.

A check of several fields together is a validator of the settings. It raises a ValueError that starts with the field
("weight_max: 1.0 is below weight_min 1.2; give at least that"); `stages.methods.build` says which run's setting that
is.
"""

from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from stages.rl.aggregation import Aggregation
from stages.rl.controls import Control

BatchStatistics = Literal[
    "none", "micro_batch", "old_policy", "current_policy"
]  # explained at `Method.batch_statistics`


def read_where(**conditions: tuple[Any, ...]) -> dict[str, Any]:
    """For a field's `json_schema_extra`: it is read only where each setting named here has one of its values."""
    return {"read_where": conditions}


class Rollout(BaseModel):
    """How a step's responses are sampled. The default: each prompt of the batch, every response on its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resample_uniform_groups: bool = Field(
        False, description="replace groups whose responses all have the same reward by fresh prompts"
    )
    temperature: float | None = Field(None, gt=0, description="of the step; none: the profile's")
    candidate_batches: int = Field(
        1,
        ge=1,
        description="choose the step's prompts from so many batches, by their perplexity under the policy; 1: off",
    )
    candidate_place: float = Field(
        0.0, ge=0, le=1, description="which of them, in ascending order: from 0, the lowest, to 1, the highest"
    )
    branch_of: int = Field(
        0,
        ge=0,
        description="sample every branch_of-th response from the prompt, and the others from a cut of it; 0: off",
    )
    branch_top_entropy: int = Field(
        20, ge=1, description="the cut is before one of this many tokens of highest entropy, chosen at random"
    )


class Settings(BaseModel):
    """What every method can be given. Subclasses add their own fields, with their source beside them.

    A field without default is a constant that nobody published. `variant_defaults` holds, for the variants that do what
    released code does, the settings of that code: they take the place of the defaults, and what a run sets still wins.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    variant_defaults: ClassVar[dict[str, dict[str, Any]]] = {}  # variant -> setting -> its default there

    clip_ratio_low: float = Field(0.2, ge=0, le=1, description="ε_low; 0.2 in PPO (1707.06347) and verl's GRPO")
    clip_ratio_high: float = Field(0.2, ge=0, description="ε_high; 0.2 as ε_low")
    dual_clip: float | None = Field(
        None, gt=1, description="bounds −ratio·A for A<0; GRPO has none, verl's default is 3"
    )
    aggregation: Aggregation = Field("token-mean", description="of token losses over a mini-batch")
    updates_per_step: PositiveInt | None = Field(None, description="optimiser steps an epoch; none: the profile's")
    epochs: PositiveInt = Field(1, description="passes over a step's responses")
    learning_rate: float | None = Field(None, gt=0, lt=1, description="AdamW's, after the warm-up; none: the profile's")
    control: Control = Field("none", description="the method with its criterion taken away; stages/rl/controls.py")

    @model_validator(mode="before")
    @classmethod
    def _nothing_unpublished_is_missing(cls, given: dict[str, Any]) -> dict[str, Any]:
        missing = [name for name, field in cls.model_fields.items() if field.is_required() and name not in given]
        misspelt = given.keys() - cls.model_fields.keys()  # may be what is missing, and is named first
        if missing and not misspelt:
            raise ValueError(f"{missing[0]}: not published, so there is no default; set it")
        return given

    @model_validator(mode="before")
    @classmethod
    def _a_variant_brings_its_settings(cls, given: dict[str, Any]) -> dict[str, Any]:
        variant = given.get("variant")  # the default variant has the defaults of the fields
        return cls.variant_defaults.get(variant, {}) | given if isinstance(variant, str) else given

    @model_validator(mode="after")
    def _nothing_set_is_unread(self) -> Self:
        for name, field in type(self).model_fields.items():
            extra = field.json_schema_extra
            conditions: dict[str, Any] = extra.get("read_where", {}) if isinstance(extra, dict) else {}  # type: ignore[assignment]
            for other, values in conditions.items():
                if self.is_set(name) and getattr(self, other) not in values:
                    raise ValueError(f"{name}: with {other} {getattr(self, other)} nothing reads it; leave it out")
        return self

    def is_set(self, name: str) -> bool:
        """Whether the setting `name` has another value than it would have by itself."""
        brought = self.variant_defaults.get(getattr(self, "variant", ""), {})
        return getattr(self, name) != brought.get(name, type(self).model_fields[name].default)


class BatchStatisticsSettings(Settings):
    """For methods that need a statistic of the whole mini-batch under the current policy."""

    batch_statistics: Literal["current_policy", "old_policy"] = Field(
        "current_policy",
        description="policy of the mini-batch's statistics: current_policy takes one more forward pass, old_policy "
        "deviates from the papers",
    )


def needs_token_mean(settings: Settings) -> None:
    """ValueError unless every token weighs alike: only then is a mean over some tokens a rescaled mean over all."""
    over_tokens = ("token-mean", "micro-batch-token-mean")
    if settings.aggregation not in over_tokens:
        raise ValueError(
            "aggregation: this takes a mean over some tokens, for which it needs "
            f"{' or '.join(over_tokens)}, not {settings.aggregation}"
        )
