"""Dr. GRPO: GRPO without the division by the standard deviation and by the length (arXiv 2503.20783 §3.2).

    A = R − mean R,   loss = Σ over all tokens / (responses · constant)

Defaults: the constant is the longest response allowed, "a constant value (e.g., generation budget)" in §3.2.
Deviations from the paper: none. A group of one gets 0, by the formula; verl 0.9.1 gives it R.
Reduces to GRPO at: no setting; the advantage is not divided by the standard deviation. Nothing else differs at
`aggregation: token-mean`.
"""

from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.advantages import group_mean
from stages.rl.aggregation import Aggregation


class DrGrpo(rl.Method):
    class Settings(rl.Settings):
        aggregation: Aggregation = Field("seq-mean-token-sum-norm", description="of token losses; 2503.20783 §3.2")

    settings: Settings

    def advantages(self, responses: rl.Responses) -> Tensor:
        rewards = self.rewards(responses)
        return (rewards - group_mean(rewards, responses.group))[:, None] * responses.response_mask
