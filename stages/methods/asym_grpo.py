"""AsymGRPO: how much right and wrong responses count depends on the pass rate by exponents of their own (2604.04894).

    groups with right and wrong responses, p̂ the share of right ones:
    right  A = ((1 − p̂)/p̂)^a₊        wrong  A = −(p̂/(1 − p̂))^a₋        all other groups  A = 0

(arXiv 2604.04894; second-hand.) With both exponents ½ it is GRPO with the deviation of N.

Defaults: a₊ 0.9, a₋ 0.4 (second-hand).
Deviations from the paper: none known.
Reduces to GRPO at: exponent_positive 0.5 and exponent_negative 0.5, but for the deviation of N in the place of N − 1.
"""

import torch
from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.advantages import group_mean


class AsymGrpo(rl.Method):
    sources = rl.Sources(formula="second-hand", constants="second-hand")

    class Settings(rl.Settings):
        exponent_positive: float = Field(0.9, ge=0, description="a₊, of right responses; 2604.04894, second-hand")
        exponent_negative: float = Field(0.4, ge=0, description="a₋, of wrong responses; 2604.04894, second-hand")

    settings: Settings

    def advantages(self, responses: rl.Responses) -> Tensor:
        correct, dtype = responses.correct, responses.rewards.dtype
        passed = group_mean(correct.double(), responses.group)
        odds = (1 - passed) / passed  # 0 or infinite where the group is not mixed
        value = torch.where(correct, odds**self.settings.exponent_positive, -(odds**-self.settings.exponent_negative))
        mixed = (passed > 0) & (passed < 1)
        return torch.where(mixed, value, 0.0).to(dtype)[:, None] * responses.response_mask
