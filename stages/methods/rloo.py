"""RLOO: the baseline is the mean of the other responses to the prompt (arXiv 2402.14740 §2.2).

    A = R − mean of the others' R = G/(G − 1) · (R − mean R)

Departures: the paper updates on-policy by plain REINFORCE; here PPO's clip stays, as in verl 0.9.1.
Neutral setting: none; the advantage is not divided by the standard deviation.
"""

from torch import Tensor

from stages.methods import base
from stages.surrogate.groups import leave_one_out


class Rloo(base.Method):
    def advantages(self, responses: base.Responses) -> Tensor:
        return leave_one_out(self.rewards(responses), responses.group)[:, None] * responses.response_mask
