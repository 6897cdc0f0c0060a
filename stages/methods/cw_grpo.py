"""CW-GRPO: tokens of extreme covariance count less (arXiv 2605.11538, second-hand).

    A ← w·A,   w = exp(−c²/2σ²) normalised to mean 1,   c = (A − mean A)(log p − mean log p),   σ = std c

over the tokens of the step's batch.

Defaults: σ is the standard deviation of c (second-hand); there is no free constant.
Departures: log p is the old policy's: the weight belongs to the advantage, which is taken before the update.
Neutral setting: none.
"""

import torch
from torch import Tensor

from stages.methods import base
from stages.surrogate.batch import masked_mean
from stages.surrogate.selection import deviation, token_covariance


class CwGrpo(base.Method):
    def advantages(self, responses: base.Responses) -> Tensor:
        advantages, mask = super().advantages(responses), responses.response_mask
        covariance = token_covariance(advantages, responses.old_log_prob, mask)
        spread = deviation(covariance, mask).clamp(min=torch.finfo(covariance.dtype).tiny ** 0.5)
        weight = torch.exp(-0.5 * (covariance / spread) ** 2)
        return advantages * weight / masked_mean(weight, mask)
