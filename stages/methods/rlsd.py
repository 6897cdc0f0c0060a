"""RLSD: a teacher that knows the answer sets how much each token counts (Self-Distilled RLVR, arXiv 2604.03128 §4.1).

    w = (P_teacher / P_student)^sign(A)                              eq. 14
    token weight  (1 − λ) + λ·clip(w, 1 − ε_w, 1 + ε_w)              eq. 15
    λ falls linearly from its first value to 0 over `decay_steps`

The teacher is the policy itself with the gold answer in its prompt, without a reasoning trace. The reward keeps the
direction of the update: no weight is negative. From `decay_steps` on it is GRPO.

Defaults: λ 0.5, ε_w 0.2, ε_low 0.2, ε_high 0.28 (first-hand: the authors' launcher, examples/visual_rl/rlsd_train.sh);
50 steps (second-hand: §5.1 as two reimplementations quote it; the launcher has 60). The formula is second-hand, from a
translation of the paper.
Not published: on which policy P_student is taken (the old one here, as the advantage is).
Deviations from the paper: the launcher refreshes the teacher every 20 steps; here it is the policy of the step, as in the
text. Eq. 16 has no π/π_old; here the weighted advantage stands in GRPO's objective, which §4.2 calls its place. The words
that tell the teacher the answer are this bench's.
Reduces to GRPO at: mixing 0 and clip_ratio_high 0.2.
"""

from pydantic import Field, PositiveInt
from torch import Tensor

from stages import rl


class Rlsd(rl.Method):
    sources = rl.Sources(
        formula="second-hand", constants="in part second-hand", not_published=("on which policy P_student is taken",)
    )

    class Settings(rl.Settings):
        clip_ratio_high: float = Field(0.28, ge=0, description="ε_high; the authors' launcher")
        mixing: float = Field(0.5, ge=0, le=1, description="λ at first; the authors' launcher")
        decay_steps: PositiveInt = Field(50, description="steps until λ is 0; 2604.03128 §5.1, second-hand")
        weight_width: float = Field(0.2, ge=0, le=1, description="ε_w; the authors' launcher")

    settings: Settings

    @property
    def reference(self) -> rl.Reference:
        return "policy_with_answer"

    def token_weight(self, update: rl.Update) -> Tensor:
        settings = self.settings
        mixing = settings.mixing * max(1 - (update.training_step.step - 1) / settings.decay_steps, 0.0)
        gain = (update.reference_log_prob - update.old_log_prob).clamp(-20.0, 20.0) * update.advantages.sign()
        return 1 - mixing + mixing * gain.exp().clamp(1 - settings.weight_width, 1 + settings.weight_width)
