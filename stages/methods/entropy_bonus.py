"""Entropy bonus: rewards the entropy of the next-token distribution (Williams & Peng 1991; PPO, 1707.06347 eq. 9).

    loss + (−c·H)

H is the exact entropy of the current policy, with gradient. c < 0 punishes entropy.

Defaults: c 0.001, one of the coefficients {−0.001, 0, 0.001, 0.002} that 2511.05993 compares. The loss takes H with the
aggregation of the token losses, as verl's `entropy_coeff` does.
Departures: none.
Neutral setting: coefficient 0 is GRPO.
"""

from pydantic import Field
from torch import Tensor

from stages.methods import base


class EntropyBonus(base.Method):
    class Settings(base.Settings):
        coefficient: float = Field(0.001, description="c per nat; 2511.05993")

    def regulariser(self, update: base.Update) -> Tensor:
        return -self.settings.coefficient * update.entropy
