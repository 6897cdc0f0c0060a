"""W-REINFORCE: right responses count λ, wrong ones −1 (arXiv 2506.01347 §5, eq. 9).

    A = λ on right responses, −1 on wrong ones; all stay in the denominator

Defaults: λ 0.1 (§5). PPO's clip stays (released code).
Deviations from the paper: its entropy bonus of 1e-4 (App. D.1; 1e-3 in the released configuration) is not part of this
method.
Reduces to GRPO at: no setting; there is no baseline.
"""

import torch
from pydantic import Field
from torch import Tensor

from stages import rl


class WReinforce(rl.Method):
    sources = rl.Sources(left_out=("the entropy bonus of 1e-4",))

    class Settings(rl.Settings):
        positive_weight: float = Field(0.1, ge=0, description="λ; 2506.01347 §5")

    settings: Settings

    weighs = ("weight",)

    def advantages(self, responses: rl.Responses) -> Tensor:
        weight = self.weight(responses)
        return torch.where(responses.correct, weight, -weight)[:, None] * responses.response_mask

    def weight(self, responses: rl.Responses) -> Tensor:
        """[B] λ or 1."""
        return torch.where(responses.correct, self.settings.positive_weight, 1.0).to(responses.rewards.dtype)
