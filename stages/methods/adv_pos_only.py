"""Only tokens with A ≥ 0 are trained on (arXiv 2511.05993 §7.2, "Adv≥0").

Defaults: none to choose.
Departures: whether the others leave the denominator is not published; they do here.
Neutral setting: none.
"""

from torch import Tensor

from stages.methods import base


class AdvPosOnly(base.Method):
    def mask(self, mini_batch: base.Update) -> Tensor:
        return mini_batch.response_mask & (mini_batch.advantages >= 0)
