"""AEnt: an entropy bonus over the likelier vocabulary, with an adapted coefficient (arXiv 2509.03493 §4, eq. 4.1, 4.2).

    H_c = entropy of the softmax over the vocabulary without the 30 % of tokens that have the lowest logits
    loss + (−c·H_c)
    after every step  c ← clip(c − η·(min(0, h − h_low) + max(0, h − h_high) + ρ·(c − c_0)), c_min, c_max)

h is the mean of H_c over the step's updates. H_c is differentiated through the kept logits; which are kept is not.

Defaults: 30 % dropped, c_0 2e-4, c in [4e-5, 0.1] (the author's verl recipe); η 1e-3 and ρ 0 (the author's recipe in
inclusionAI/AReaL@ae639739, which drops 40 %, holds c in [1e-5, 3e-3] and waits 29 steps before it adapts). h_low and
h_high are set per run and have no default (0.05 and 0.23 in that recipe, 0.35 and 0.62 in the verl recipe's run on
OpenR1).
Deviations from the paper: none known; eq. 4.1 has no pull to c_0, the verl recipe has.
Reduces to GRPO at: coefficient 0 with coefficient_min 0 and coefficient_max 0.
"""

from pydantic import Field
from torch import Tensor

from stages import rl


class Aent(rl.Method):
    sources = rl.Sources(not_published=("entropy_low", "entropy_high"))

    class Settings(rl.Settings):
        dropped_share: float = Field(0.3, ge=0, lt=1, description="of the vocabulary, lowest logits; 2509.03493")
        entropy_low: float = Field(ge=0, description="h_low in nats: c rises below it; set per run, not published")
        entropy_high: float = Field(ge=0, description="h_high in nats: c falls above it; set per run, not published")
        coefficient: float = Field(2e-4, ge=0, description="c_0, c in the first step; 2509.03493")
        coefficient_min: float = Field(4e-5, ge=0, description="2509.03493")
        coefficient_max: float = Field(0.1, ge=0, description="2509.03493")
        rate: float = Field(1e-3, ge=0, description="η, change of c per nat and step; AReaL recipe")
        pull: float = Field(0.0, ge=0, description="ρ, nats per unit of c − c_0; AReaL recipe has none")

    settings: Settings

    uses_logits = True

    def logit_terms(self, logits: Tensor) -> dict[str, Tensor]:
        kept = logits.shape[-1] - int(logits.shape[-1] * self.settings.dropped_share)
        log_prob = logits.topk(kept, dim=-1, sorted=False).values.log_softmax(-1)
        return {"clamped_entropy": -(log_prob.exp() * log_prob).sum(-1)}

    def regulariser(self, update: rl.Update) -> Tensor:
        return -update.training_step.state["coefficient"] * update.logit_terms["clamped_entropy"]

    def initial_state(self) -> rl.State:
        return {"coefficient": self.settings.coefficient}

    def update_state(self, responses: rl.Responses, measured: dict[str, float]) -> rl.State:
        settings, coefficient = self.settings, responses.training_step.state["coefficient"]
        entropy = measured["method_clamped_entropy"]
        excess = min(0.0, entropy - settings.entropy_low) + max(0.0, entropy - settings.entropy_high)
        coefficient -= settings.rate * (excess + settings.pull * (coefficient - settings.coefficient))
        return {"coefficient": min(max(coefficient, settings.coefficient_min), settings.coefficient_max)}
