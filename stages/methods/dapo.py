"""DAPO: decoupled clip and dynamic sampling (arXiv 2503.14476 §3).

    clip-higher        ε_low 0.2, ε_high 0.28                                                   (§3.1)
    dynamic sampling   only groups with 0 < #correct < G; sample on until the batch is full     (§3.2)
    token-mean         every token of the batch counts alike                                    (§3.3)
    overlong shaping   R + f·max(−1, −(length − (L_max − L_buffer)) / L_buffer) beyond L_max − L_buffer (§3.4)

Each is a switch: `clip_ratio_high`, `dynamic_sampling`, `aggregation`, `overlong_shaping`.

Defaults: all four, L_max 20480 and L_buffer 4096 tokens (§4.1: 16,384 expected, 4,096 of soft punishment); f is 1 in
the paper's formula and `penalty_factor` in verl. The lengths belong to long responses: a shorter run sets its own.
Deviations from the paper: overlong filtering (§3.4, no loss on cut-off responses) is not part of this method; §4.1
trains with the soft punishment. The paper's rewards are ±1, this bench's are 0 and 1, so the penalty counts half; after
the group's normalisation that is the same. verl 0.9.1 decides dynamic sampling by the reward's spread, as here.
Scaling: dynamic sampling draws more responses a step than other methods; compare by responses sampled as well.
Reduces to GRPO at: clip_ratio_high 0.2, dynamic_sampling false and overlong_shaping false.
"""

from typing import Self

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor

from stages import rl


class Dapo(rl.Method):
    class Settings(rl.Settings):
        clip_ratio_high: float = Field(0.28, ge=0, description="ε_high; §4.1")
        dynamic_sampling: bool = Field(True, description="replace groups that are all right or all wrong; §3.2")
        overlong_shaping: bool = Field(True, description="soft punishment of long responses; §3.4")
        overlong_length: PositiveInt = Field(
            20480, description="L_max, tokens; §4.1", json_schema_extra=rl.read_where(overlong_shaping=(True,))
        )
        overlong_buffer: PositiveInt = Field(
            4096, description="L_buffer, tokens; §4.1", json_schema_extra=rl.read_where(overlong_shaping=(True,))
        )
        overlong_penalty: float = Field(
            1.0,
            ge=0,
            description="f, what L_max costs with rewards of ±1; §3.4",
            json_schema_extra=rl.read_where(overlong_shaping=(True,)),
        )

        @model_validator(mode="after")
        def _buffer_is_part_of_the_length(self) -> Self:
            if self.overlong_shaping and self.overlong_buffer > self.overlong_length:
                raise ValueError(
                    f"overlong_buffer: {self.overlong_buffer} is longer than overlong_length, {self.overlong_length}; "
                    "set both to the run's response lengths"
                )
            return self

    settings: Settings

    def rollout(self, training_step: rl.TrainingStep) -> rl.Rollout:
        return rl.Rollout(resample_uniform_groups=self.settings.dynamic_sampling)

    def rewards(self, responses: rl.Responses) -> Tensor:
        if not self.settings.overlong_shaping:
            return responses.rewards
        start = self.settings.overlong_length - self.settings.overlong_buffer
        excess = (responses.response_length - start) / self.settings.overlong_buffer
        return responses.rewards - 0.5 * self.settings.overlong_penalty * torch.clamp(excess, 0.0, 1.0)
