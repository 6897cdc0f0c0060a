"""REINFORCE++: returns whitened over the whole batch, no group baseline (arXiv 2501.03262 §3.1, eq. 4, 5).

    A_t = (R − mean) / sqrt(var + 1e-8)   over all tokens of the step's batch

Defaults: discount 1, so that every token's return is the response's reward.
Deviations from the paper: its KL penalty per token in the reward is left out, as for all methods of this bench. It
averages each response first and divides by std + ε; the token mean and the division above are verl 0.9.1's.
Reduces to GRPO at: no setting; the baseline is another.
"""

from torch import Tensor

from stages import rl
from stages.rl.advantages import whitened


class ReinforcePp(rl.Method):
    def advantages(self, responses: rl.Responses) -> Tensor:
        returns = self.rewards(responses)[:, None].expand(responses.response_mask.shape)
        return whitened(returns, responses.response_mask)
