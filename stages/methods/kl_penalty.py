"""KL penalty: holds the policy near the model that training started from (2402.03300 eq. 3, eq. 4).

    loss + β·(π_ref/π − ln(π_ref/π) − 1)      k3 estimate per token

Defaults: β 0.001, verl 0.9.1's `kl_loss_coef` with `low_var_kl`; log-ratio held within ±20, estimate below 10, as
there. The reference costs a second copy of the weights and one pass without gradient a step.
Deviations from the paper: none.
Reduces to GRPO at: coefficient 0.
"""

from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.ratio import k3


class KlPenalty(rl.Method):
    class Settings(rl.Settings):
        coefficient: float = Field(0.001, ge=0, description="β per nat; verl 0.9.1")

    settings: Settings

    @property
    def reference(self) -> rl.Reference:
        return "initial"

    def regulariser(self, update: rl.Update) -> Tensor:
        return self.settings.coefficient * k3(update.log_prob, update.reference_log_prob)
