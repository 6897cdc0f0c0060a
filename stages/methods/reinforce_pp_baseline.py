"""REINFORCE++ with baseline: the group's mean is subtracted, then the batch whitened (arXiv 2501.03262 §3).

    A_t = whiten over all tokens of the batch (R − mean R of the group)

Defaults and departures: as `reinforce_pp`. Because responses differ in length the whitening shifts the mean: a group of
equal rewards gets A ≠ 0 (so does verl 0.9.1).
Neutral setting: none; the deviation is that of the batch.
"""

from torch import Tensor

from stages.methods import base
from stages.surrogate.groups import group_mean, group_size, whitened


class ReinforcePpBaseline(base.Method):
    def advantages(self, responses: base.Responses) -> Tensor:
        rewards = self.rewards(responses)
        centred = rewards - group_mean(rewards, responses.group) * (
            group_size(responses.group) > 1
        )  # one alone keeps R
        return whitened(centred[:, None].expand(responses.response_mask.shape), responses.response_mask)
