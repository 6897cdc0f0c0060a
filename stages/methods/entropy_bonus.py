"""Entropy bonus: rewards the entropy of the next-token distribution (Williams & Peng 1991; PPO, 1707.06347 eq. 9).

    loss + (−c·H)

H is the exact entropy of the current policy, with gradient. c < 0 punishes entropy.

Defaults: c 0.001, one of the coefficients {−0.001, 0, 0.001, 0.002} that 2511.05993 compares. The loss takes H with the
aggregation of the token losses, as verl's `entropy_coeff` does.
Deviations from the paper: none.
Reduces to GRPO at: coefficient 0.
"""

from pydantic import Field
from torch import Tensor

from stages import rl


class EntropyBonus(rl.Method):
    class Settings(rl.Settings):
        coefficient: float = Field(0.001, description="c per nat; 2511.05993")

    settings: Settings

    def regulariser(self, update: rl.Update) -> Tensor:
        return -self.settings.coefficient * update.entropy
