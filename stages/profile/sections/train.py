"""Section `train`: the training that all methods share."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from stages.profile.sections.base import Section

Reward = Literal["by_value", "exact_box", "math_dapo", "steer_box"]
READ_ONLY_A_BOX = ("exact_box", "steer_box")
COMPARE_TEXT = ("exact_box", "math_dapo", "steer_box")
# Far above anything that was ever trained: what lies beyond is a slip of the finger.
MOST_STEPS, MOST_PROMPTS, MOST_RESPONSES, MOST_TOKENS = 1_000_000, 1_000_000, 10_000, 4_194_304

Beta = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(gt=0, le=MOST_PROMPTS)]
Tokens = Annotated[int, Field(gt=0, le=MOST_TOKENS)]


class Optimiser(Section):
    learning_rate: float = Field(gt=0, lt=1, description="AdamW's, after the warm-up")
    betas: tuple[Beta, Beta] = Field(strict=False, description="AdamW's β₁ and β₂")
    epsilon: float = Field(gt=0, lt=1, description="AdamW's ε")
    weight_decay: float = Field(ge=0, le=1, description="AdamW's, of all weights")
    warm_up_steps: int = Field(ge=0, description="over which the rate rises from 0; fewer than train.steps")
    schedule: Literal["constant", "cosine"] = Field(description="of the rate after the warm-up")
    gradient_clip: PositiveFloat = Field(description="norm of the gradient beyond which it is scaled down")


class Validation(Section):
    dataset: str = Field(description="another of data.training than the one that is trained on")
    every: PositiveInt = Field(description="steps from one validation to the next; the first is the base model's")
    prompts: Count = Field(description="the first so many of the data set")
    responses_per_prompt: int = Field(1, ge=1, le=MOST_RESPONSES, description="to each of them")
    temperature: float = Field(
        0.0, ge=0, le=10, description="of sampling; at 0, verl's own, always the likeliest token"
    )

    @model_validator(mode="after")
    def _not_alike(self) -> "Validation":
        if self.temperature == 0 and self.responses_per_prompt > 1:
            raise ValueError(
                f"responses_per_prompt: at temperature 0 all {self.responses_per_prompt} would be alike; give 1, or a temperature"
            )
        return self


class Train(Section):
    dataset: str = Field(description="one of data.training, or a subset of it")
    steps: int = Field(gt=0, le=MOST_STEPS, description="of training; each samples anew")
    prompts_per_step: Count = Field(description="prompts that are sampled in a step")
    responses_per_prompt: int = Field(
        ge=2, le=MOST_RESPONSES, description="the group; an advantage compares its responses, so one alone has none"
    )
    updates_per_step: PositiveInt = Field(description="optimiser steps that a step's prompts are shared out among")
    micro_batch: Count = Field(
        description="responses a device holds at once, or all of its part of a mini-batch where that is fewer; no result "
        "depends on it but by rounding"
    )
    reward: Reward = Field(description="the grader that says which responses are right (stages/graders)")
    temperature: float = Field(gt=0, le=10, description="of sampling in training")
    max_prompt_tokens: Tokens = Field(description="of a prompt, chat template included; longer ones are left out")
    max_response_tokens: Tokens = Field(description="of a response, which is cut there")
    checkpoint_every: PositiveInt = Field(description="steps")
    optimiser: Optimiser
    validation: Validation | None = Field(
        None,
        description="of the policy in training, on prompts that it is not trained on; none: without",
        exclude_if=lambda validation: validation is None,  # what is kept of runs without one says nothing of it
    )

    @model_validator(mode="after")
    def _divisible(self) -> "Train":
        if self.prompts_per_step % self.updates_per_step:
            raise ValueError(
                f"prompts_per_step ({self.prompts_per_step}) must be a multiple of updates_per_step ({self.updates_per_step})"
            )
        if self.optimiser.warm_up_steps >= self.steps:
            raise ValueError(
                f"optimiser.warm_up_steps: {self.optimiser.warm_up_steps} are not fewer than train.steps ({self.steps}), so "
                "that the rate would never be reached; lower it"
            )
        if self.checkpoint_every > self.steps:
            raise ValueError(
                f"checkpoint_every: {self.checkpoint_every} is more than train.steps ({self.steps}), so that a killed run "
                f"would begin anew; give at most {self.steps}"
            )
        if self.validation and self.validation.every >= self.steps:
            raise ValueError(
                f"validation.every: {self.validation.every} is not less than train.steps ({self.steps}), so that only the base "
                "model would be validated; lower it"
            )
        return self
