"""REINFORCE++ with baseline: the group's mean is subtracted, then the batch whitened (arXiv 2501.03262 §3.2, eq. 6, 7).

    A_t = whiten over all tokens of the batch (R − mean R of the group)

Defaults: discount 1, as `reinforce_pp`.
Deviations from the paper: its KL loss (k2, eq. 8) is left out, as for all methods of this bench; mean and division as
in `reinforce_pp`. Because responses differ in length the whitening shifts the mean: a group of equal rewards gets A ≠ 0
(so does verl 0.9.1).
Reduces to GRPO at: no setting; the deviation is that of the batch.
"""

from torch import Tensor

from stages import rl
from stages.rl.advantages import group_centred, whitened


class ReinforcePpBaseline(rl.Method):
    def advantages(self, responses: rl.Responses) -> Tensor:
        centred = group_centred(self.rewards(responses), responses.group)
        return whitened(centred[:, None].expand(responses.response_mask.shape), responses.response_mask)
