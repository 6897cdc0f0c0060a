"""MaxRL: the group's mean in the place of its deviation (arXiv 2602.02710).

    A = (R − mean R) / mean R,   0 where all responses of the group are wrong

so that a rare right answer weighs as it does in maximum likelihood.

Defaults: none to choose. Two implementations agree on the formula (second-hand): PrimeIntellect-ai/prime-rl@559b447 has no epsilon and
0 where the mean is not positive, NovaSky-AI/SkyRL@a956457 adds 1e-6 to it.
Deviations from the paper: none known in the advantage; its rewards are 0 and 1, which the formula needs.
Reduces to GRPO at: no setting; the deviation is another number.
"""

import torch
from torch import Tensor

from stages import rl
from stages.rl.advantages import group_mean


class MaxRl(rl.Method):
    sources = rl.Sources(formula="second-hand")

    def advantages(self, responses: rl.Responses) -> Tensor:
        rewards, group = self.rewards(responses), responses.group
        mean = group_mean(rewards, group)
        value = torch.where(mean > 0, (rewards - mean) / mean, 0.0)
        return value[:, None] * responses.response_mask
