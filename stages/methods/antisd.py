"""AntiSD: moves away from a teacher that knows a solution, until the teacher is sure of all (arXiv 2605.11609 §3.2).

    A − g·λ·½·(softplus(u) − ln 2)      u = ln P_teacher − ln P_student of the token (eq. 6, algorithm 1)
    gate g: 0 when H < τ·H_warm, 1 again when H ≥ H_warm (eq. 7)

The teacher is the policy itself with a right response of the group in its prompt, or with the answer where there is none.
H is the median of its entropy over the step's tokens. For the first `warm_up_steps` λ is 0, and H_warm is measured. The
term rewards tokens of deliberation, which the teacher finds less likely, by at most λ·½·ln 2, and is not bounded below.

Defaults: λ 0.5, 5 steps, τ 0.93, ε 0.2 (table 5).
Not published: how five medians make one H_warm (their mean here), and where the gate stands after the warm-up (open here).
Deviations from the paper: P_student is the old policy's, as the advantage is (with one update a step they are the same).
The teacher is not told whether the response that it judges is right, is shown another response than that one, and the
words around what it is shown are this bench's.
Reduces to GRPO at: mixing 0.
"""

import math

from pydantic import Field, PositiveInt
from torch import Tensor
from torch.nn.functional import softplus

from stages import rl


class Antisd(rl.Method):
    sources = rl.Sources(
        not_published=("how the medians of the warm-up make one", "the gate after the warm-up"),
        left_out=("the verdict in the teacher's prompt",),
    )

    class Settings(rl.Settings):
        mixing: float = Field(0.5, ge=0, description="λ; 2605.11609 table 5")
        warm_up_steps: PositiveInt = Field(5, description="at λ 0; 2605.11609 table 5")
        threshold: float = Field(0.93, ge=0, le=1, description="τ, share of H_warm; 2605.11609 table 5")

    settings: Settings

    @property
    def reference(self) -> rl.Reference:
        return "policy_with_solution"

    def advantages(self, responses: rl.Responses) -> Tensor:
        mixing = self.settings.mixing * self._next(responses)["gate"]
        if responses.training_step.step <= self.settings.warm_up_steps or not mixing:
            return super().advantages(responses)
        known = responses.reference_log_prob - responses.old_log_prob
        away = 0.5 * (softplus(known) - math.log(2.0)) * responses.response_mask
        return super().advantages(responses) - mixing * away

    def initial_state(self) -> rl.State:
        return {"gate": 1.0, "warm_entropy": 0.0}

    def update_state(self, responses: rl.Responses, measured: dict[str, float]) -> rl.State:
        return self._next(responses)

    def _next(self, responses: rl.Responses) -> rl.State:
        """The state after the teacher's entropy of this step, at which the step itself is trained."""
        settings, step, state = self.settings, responses.training_step.step, responses.training_step.state
        entropy = responses.reference_entropy[responses.response_mask].median().item()
        warm, gate = state["warm_entropy"], state["gate"]
        if step <= settings.warm_up_steps:
            warm += (entropy - warm) / step
        elif entropy >= warm:
            gate = 1.0
        elif entropy < settings.threshold * warm:
            gate = 0.0
        return {"gate": gate, "warm_entropy": warm}
