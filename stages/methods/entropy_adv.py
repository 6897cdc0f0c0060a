"""Entropy-Adv: the advantage grows with the token's entropy (arXiv 2506.14758 §3.2, eq. 4–7).

    A + min(α·sg(H), |A|/κ)      H the current policy's

Defaults: α 0.4 with GRPO, κ 2 (§4). The released line stands in verl's `update_policy` (footnote 2), where H is the
current policy's, too.
Departures: the paper's baseline also has Clip-Higher and rewards of ±1; here both are GRPO's.
Neutral setting: alpha 0 is GRPO.
"""

from dataclasses import replace

import torch
from torch import Tensor

from stages.methods import base


class EntropyAdv(base.Method):
    class Settings(base.Settings):
        alpha: float = base.Field(0.4, ge=0, description="α, advantage a nat; 2506.14758 §4")
        kappa: float = base.Field(2.0, gt=1, description="κ > 1 keeps the sign of A; 2506.14758 §4")

    def surrogate(self, update: base.Update, clip_low, clip_high) -> Tensor:
        advantages, entropy = update.advantages, update.entropy.detach()
        shaping = torch.minimum(self.settings.alpha * entropy, advantages.abs() / self.settings.kappa)
        return super().surrogate(replace(update, advantages=advantages + shaping), clip_low, clip_high)
