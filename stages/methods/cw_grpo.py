"""CW-GRPO: tokens of extreme covariance count less (arXiv 2605.11538, second-hand).

    A ← w·A,   w = exp(−c²/2σ²) normalised to mean 1,   c = (A − mean A)(log p − mean log p),   σ = std c

over the tokens of the mini-batch. Since w ≥ 0 and PPO's objective is proportional to A, w is applied as a token weight.

Defaults: none to choose; σ is the standard deviation of c. p is the current policy's, as in the paper's c, which costs
one pass without gradient a mini-batch; `batch_statistics: old_policy` takes the old policy's.
Deviations from the paper: its batch is one group of 12 responses; here the means run over the mini-batch. Its KL
penalty and its format reward are left out, as for all methods of this bench.
Reduces to GRPO at: no setting; tokens of extreme covariance always count less.
"""

import torch
from torch import Tensor

from stages import rl
from stages.rl.batch import masked_mean
from stages.rl.selection import deviation, token_covariance


class CwGrpo(rl.Method):
    sources = rl.Sources(formula="second-hand", left_out=("the format reward",))

    class Settings(rl.BatchStatisticsSettings):
        pass

    settings: Settings

    def statistics(self, mini_batch: rl.Update) -> dict[str, Tensor]:
        mask = mini_batch.response_mask
        covariance = token_covariance(mini_batch.advantages, mini_batch.log_prob, mask)
        spread = deviation(covariance, mask).clamp(min=torch.finfo(covariance.dtype).tiny ** 0.5)
        weight = torch.exp(-0.5 * (covariance / spread) ** 2)
        return {"covariance_weight": weight / masked_mean(weight, mask)}

    def token_weight(self, update: rl.Update) -> Tensor:
        return update.statistics["covariance_weight"]
