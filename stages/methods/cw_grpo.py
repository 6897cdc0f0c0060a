"""CW-GRPO: tokens of extreme covariance count less (arXiv 2605.11538, second-hand).

    A ← w·A,   w = exp(−c²/2σ²) normalised to mean 1,   c = (A − mean A)(log p − mean log p),   σ = std c

Since w ≥ 0 and PPO's objective is proportional to A, w is applied as a token weight.

Variants (`variant`):
  paper  means, σ and the normalisation run over the tokens of the mini-batch; w is a constant.
  code   WangCheng0116/CW-GRPO@4259d83: of one micro-batch; log p is centred within each response, A over the responses;
         σ is the population's + 1e-8; w is differentiated; it is scaled by the number of places, padding included, so
         that real tokens weigh more than 1 on average; one update a step, so that the ratio is 1; 0.04·k3 to the initial
         policy (its trainer's default); each response's mean first. There a micro-batch is one group of 12 responses.

Defaults: none to choose in `paper`. p is the current policy's, as in the paper's c, which costs one pass without gradient
a mini-batch; `batch_statistics: old_policy` takes the old policy's.
Deviations from the paper: its batch is one group of 12 responses; here the means run over the mini-batch. Its format
reward is left out, and in `paper` its KL penalty, as for all methods of this bench. Its released Dr. GRPO trainer has
exp(−c²/2·σ²), a slip of precedence, which is not repeated. The code adds 1e-4 to the deviation that A is divided by,
where `grpo` has 1e-6.
Reduces to GRPO at: no setting; tokens of extreme covariance always count less.
"""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.batch import masked_mean, response_mean
from stages.rl.ratio import k3
from stages.rl.selection import deviation, token_covariance


class CwGrpo(rl.Method):
    sources = rl.Sources(formula="in part second-hand", left_out=("the format reward",))

    class Settings(rl.BatchStatisticsSettings):
        kl_coefficient: float = Field(0.0, ge=0, description="of k3 to the initial policy; paper: left out here")
        variant: Literal["paper", "code"] = Field("paper", description="code weighs within the micro-batch")

        variant_defaults: ClassVar = {
            "code": {"kl_coefficient": 0.04, "updates_per_step": 1, "aggregation": "seq-mean-token-mean"}
        }

    settings: Settings

    @property
    def batch_statistics(self) -> rl.BatchStatistics:
        return "micro_batch" if self.settings.variant == "code" else self.settings.batch_statistics

    @property
    def reference(self) -> rl.Reference:
        return "initial" if self.settings.kl_coefficient else "none"

    def statistics(self, mini_batch: rl.Update) -> dict[str, Tensor]:
        if self.settings.variant == "code":  # its weight has a gradient, which statistics have not
            return {}
        mask = mini_batch.response_mask
        covariance = token_covariance(mini_batch.advantages, mini_batch.log_prob, mask)
        spread = deviation(covariance, mask).clamp(min=torch.finfo(covariance.dtype).tiny ** 0.5)
        weight = torch.exp(-0.5 * (covariance / spread) ** 2)
        return {"covariance_weight": weight / masked_mean(weight, mask)}

    def token_weight(self, update: rl.Update) -> Tensor:
        if self.settings.variant == "paper":
            return update.statistics["covariance_weight"]
        mask, of_response = update.response_mask, update.advantages[:, :1]
        log_prob = torch.where(mask, update.log_prob, 0.0)
        covariance = (of_response - of_response.mean()) * (log_prob - response_mean(log_prob, mask)[:, None])
        spread = torch.sqrt(masked_mean((covariance - masked_mean(covariance, mask)) ** 2, mask) + 1e-30) + 1e-8
        weight = torch.exp(-0.5 * (covariance / spread) ** 2) * mask
        places = len(mask) * mask.any(0).sum()  # of a batch that is as wide as its longest response
        return weight * places / weight.sum().clamp(min=1e-30)

    def regulariser(self, update: rl.Update) -> Tensor | float:
        if not self.settings.kl_coefficient:
            return 0.0
        return self.settings.kl_coefficient * k3(update.log_prob, update.reference_log_prob)
