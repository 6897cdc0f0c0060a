"""Ada-Ent-Reg: an entropy bonus that is switched and sized by the entropy (Skywork-OR1, arXiv 2505.22312 §3.2.5).

    loss + (−α·H),   α = c if h ≤ h* else 0                                 (eq. 3.1)
    after every step  c ← c + Δ if h < h*, c − Δ if h > h*, not below 0     (eq. 3.2)

h is the entropy of the step's rollouts; H in the bonus is the exact entropy, with gradient.

Variants (`variant`):
  paper  the above. h is "estimated from the rollout buffer": here the mean of the old policy's exact H over its tokens.
  code   SkyworkAI/Skywork-OR1: h = −mean of the sampled tokens' old log-probs; whether the bonus counts is decided by
         the h of the step before; h = h* counts as above; c stays in [0, c_max]. Its means
         are the micro-batch's.

Defaults: h* 0.2 nats, c at the start 0 (§3.2.5; launchers). Δ 0.005 without c_max (§3.2.5); `code` has 1e-4 and 5e-3
(released launchers). 2511.05993 runs it with h* 0.2 and 0.3657.
Deviations from the paper: its filter of groups with equal rewards (§3.1), which keeps the bonus from their tokens, is
DAPO's dynamic sampling and not part of this method.
Reduces to GRPO at: coefficient_max 0.
"""

import math
from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.batch import masked_mean


class AdaEntReg(rl.Method):
    sources = rl.Sources(left_out=("the filter of groups with equal rewards",))

    class Settings(rl.Settings):
        target: float = Field(0.2, ge=0, description="h* in nats; 2505.22312 §3.2.5")
        step: float = Field(5e-3, ge=0, description="Δ, how far c moves a step; 2505.22312 §3.2.5")
        coefficient_max: float | None = Field(None, ge=0, description="c_max; none: no bound; 2505.22312 §3.2.5")
        variant: Literal["paper", "code"] = Field("paper", description="how h is estimated, and when it counts")

        variant_defaults: ClassVar = {
            "code": {"step": 1e-4, "coefficient_max": 5e-3, "aggregation": "micro-batch-token-mean"}  # launchers
        }

    settings: Settings

    def regulariser(self, update: rl.Update) -> Tensor:
        training_step = update.training_step
        code = self.settings.variant == "code"
        active = training_step.state["active"] if code else training_step.entropy <= self.settings.target
        return -(training_step.state["coefficient"] * active) * update.entropy

    def initial_state(self) -> rl.State:
        return {"coefficient": 0.0} | ({"active": 0} if self.settings.variant == "code" else {})

    def update_state(self, responses: rl.Responses, measured: dict[str, float]) -> rl.State:
        settings = self.settings
        code, entropy = settings.variant == "code", measured["entropy"]
        if code:
            entropy = -masked_mean(responses.old_log_prob.double(), responses.response_mask).item()
        below, above = entropy < settings.target, entropy > settings.target or (code and entropy == settings.target)
        coefficient = responses.training_step.state["coefficient"] + settings.step * (below - above)
        largest = math.inf if settings.coefficient_max is None else settings.coefficient_max
        return {"coefficient": min(max(coefficient, 0.0), largest)} | ({"active": int(below)} if code else {})
