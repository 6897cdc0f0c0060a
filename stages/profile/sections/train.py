"""Section `train`: the training that all methods share."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from stages.profile.sections.base import Section

Reward = Literal["by_value", "exact_box", "math_dapo", "steer_box"]
READ_ONLY_A_BOX = ("exact_box", "steer_box")
COMPARE_TEXT = ("exact_box", "math_dapo", "steer_box")


class Optimiser(Section):
    learning_rate: PositiveFloat
    betas: tuple[float, float] = Field(strict=False)
    epsilon: PositiveFloat = Field(description="Adam's ε")
    weight_decay: float = Field(ge=0)
    warm_up_steps: int = Field(ge=0)
    schedule: Literal["constant", "cosine"]
    gradient_clip: PositiveFloat


class Train(Section):
    dataset: str
    steps: PositiveInt
    prompts_per_step: PositiveInt
    responses_per_prompt: PositiveInt
    updates_per_step: PositiveInt
    micro_batch: PositiveInt = Field(description="responses a device holds at once")
    reward: Reward = Field(description="the grader that says which responses are right (stages/graders)")
    temperature: PositiveFloat
    max_prompt_tokens: PositiveInt
    max_response_tokens: PositiveInt
    checkpoint_every: PositiveInt = Field(description="steps")
    optimiser: Optimiser

    @model_validator(mode="after")
    def _divisible(self) -> "Train":
        if self.prompts_per_step % self.updates_per_step:
            raise ValueError(
                f"prompts_per_step ({self.prompts_per_step}) must be a multiple of updates_per_step ({self.updates_per_step})"
            )
        return self
