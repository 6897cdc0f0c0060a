"""OPO + STEER: OPO's advantage under STEER's token weight (rows of arXiv 2510.10150).

Defaults: those of `opo` and `steer`; exactly on-policy, so the ratio is 1 and nothing is clipped.
Deviations from the paper: those of `opo` and `steer` (whose formula is second-hand).
Reduces to GRPO at: no setting; weight_min 1 is OPO with STEER's clip.
"""

from stages.methods.opo import Opo
from stages.methods.steer import Steer


class OpoSteer(Opo, Steer):  # type: ignore[misc]  # the settings of both are made one class
    pass
