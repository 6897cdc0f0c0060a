"""Entropy-Adv: the advantage grows with the token's entropy (arXiv 2506.14758 §3.2, eq. 4–7).

    A + min(α·sg(H), |A|/κ)      H the current policy's

Defaults: α 0.4 with GRPO, κ 2 (§4). The released line stands in verl's `update_policy` (footnote 2), where H is the
current policy's, too.
Deviations from the paper: its baseline also has Clip-Higher and rewards of ±1; here both are GRPO's.
Reduces to GRPO at: alpha 0.
"""

from dataclasses import replace

import torch
from pydantic import Field
from torch import Tensor

from stages import rl


class EntropyAdv(rl.Method):
    class Settings(rl.Settings):
        alpha: float = Field(0.4, ge=0, description="α, advantage a nat; 2506.14758 §4")
        kappa: float = Field(2.0, gt=1, description="κ > 1 keeps the sign of A; 2506.14758 §4")

    settings: Settings

    weighs = asked_in_loss = ("bonus",)

    def bonus(self, update: rl.Update) -> Tensor:
        """[B, T] α·H, before it is held to a share of |A|."""
        return self.settings.alpha * update.entropy.detach()

    def surrogate(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        advantages = update.advantages
        shaping = torch.minimum(self.bonus(update), advantages.abs() / self.settings.kappa)
        return super().surrogate(replace(update, advantages=advantages + shaping), clip_low, clip_high)
