"""RLOO: the baseline is the mean of the other responses to the prompt (arXiv 2402.14740 §2.3).

    A = R − mean of the others' R = G/(G − 1) · (R − mean R)

Defaults: none to choose.
Deviations from the paper: it updates by plain REINFORCE on whole responses (a sum over tokens) with a KL penalty in the
reward; here PPO's clip and the token mean stay, as in verl 0.9.1, and there is no penalty, as for all methods of this
bench.
Reduces to GRPO at: no setting; the advantage is not divided by the standard deviation.
"""

from torch import Tensor

from stages import rl
from stages.rl.advantages import leave_one_out


class Rloo(rl.Method):
    def advantages(self, responses: rl.Responses) -> Tensor:
        return leave_one_out(self.rewards(responses), responses.group)[:, None] * responses.response_mask
