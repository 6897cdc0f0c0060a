"""Entropy-Adv: the advantage grows with the token's entropy (arXiv 2506.14758 §3).

    A + min(α·sg(H), |A|/κ)

Defaults: α 0.4, κ 2 (three second-hand sources agree).
Departures: H is the old policy's, which is what A is computed from; the paper writes sg(H) and does not say whose.
Neutral setting: alpha 0 is GRPO.
"""

import torch
from torch import Tensor

from stages.methods import base


class EntropyAdv(base.Method):
    class Settings(base.Settings):
        alpha: float = base.Field(0.4, ge=0, description="α, advantage a nat; 2506.14758, second-hand")
        kappa: float = base.Field(2.0, gt=1, description="κ > 1 keeps the sign of A; 2506.14758, second-hand")

    def advantages(self, responses: base.Responses) -> Tensor:
        advantages = super().advantages(responses)
        shaping = torch.minimum(self.settings.alpha * responses.old_entropy, advantages.abs() / self.settings.kappa)
        return advantages + shaping * responses.response_mask
