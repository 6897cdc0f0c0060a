"""OPO: on-policy optimisation with the baseline of least variance (arXiv 2505.23585 §3).

    A = R − Σ_j l_j·R_j / Σ_j l_j   over the group, l the response's length in tokens

Defaults: one update a step, so that every update is exactly on-policy (§3.1); no KL, no entropy bonus.
Deviations from the paper: none.
Reduces to GRPO at: no setting; the baseline is another.
"""

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from stages import rl
from stages.rl.advantages import group_size, group_sum


class Opo(rl.Method):
    class Settings(rl.Settings):
        updates_per_step: PositiveInt | None = Field(1, description="optimiser steps an epoch; 2505.23585 §3.1")

    settings: Settings

    def advantages(self, responses: rl.Responses) -> Tensor:
        rewards, group = self.rewards(responses), responses.group
        length = responses.response_length.to(rewards.dtype)
        baseline = group_sum(length * rewards, group) / group_sum(length, group).clamp(min=1)
        baseline = torch.where(group_size(group) > 1, baseline, 0.0)  # one alone keeps R, as in verl 0.9.1
        return (rewards - baseline)[:, None] * responses.response_mask
