"""80/20: only the fifth of tokens with the highest entropy is trained on (arXiv 2506.01939 §5).

    mask = H ≥ the ρ-th largest share of H over the batch; the denominator counts kept tokens

Base: DAPO with all its switches, as in the paper (§5.1).

Defaults: ρ 0.2; H is the current policy's and the share is taken over the mini-batch, which costs one pass without
gradient; `statistics: old` takes both from the old policy.
Departures: the released code takes the share over a micro-batch.
Neutral setting: share 1 is DAPO.
"""

from pydantic import Field
from torch import Tensor

from stages.methods import base
from stages.methods.dapo import Dapo


class ForkingTokens(Dapo):
    class Settings(Dapo.Settings, base.StatisticsSettings):
        share: float = Field(0.2, gt=0, le=1, description="ρ, of tokens kept; 2506.01939 §5")

    def mask(self, mini_batch: base.Update) -> Tensor:
        entropy = mini_batch.entropy[mini_batch.response_mask]
        kept = max(int(self.settings.share * len(entropy)), 1)
        threshold = entropy.kthvalue(len(entropy) - kept + 1).values
        return mini_batch.response_mask & (mini_batch.entropy >= threshold)
