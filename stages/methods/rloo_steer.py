"""RLOO + STEER: RLOO's advantage under STEER's token weight (rows of arXiv 2510.10150).

Defaults: those of `rloo` and `steer`.
Deviations from the paper: those of `rloo` and `steer` (whose formula is second-hand).
Reduces to GRPO at: no setting; weight_min 1 is RLOO with STEER's clip.
"""

from stages.methods.rloo import Rloo
from stages.methods.steer import Steer


class RlooSteer(Rloo, Steer):
    pass
