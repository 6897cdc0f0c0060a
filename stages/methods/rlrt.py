"""RLRT: reinforces what a teacher that knows the answer would not have said (Rebellious Student, arXiv 2605.10781).

    w = (P_student / P_teacher)^sign(A)
    tokens of correct responses count (1 − λ) + λ·clip(w, 1 − ε_w, 1 + ε_w), all others 1

The teacher is the policy itself with a correct response of the group in its prompt, or with the answer where there is no
other. Where the student is right on a path that the teacher did not predict, the tokens are its own reasoning. Without the
limit to correct responses training collapses (the paper's ablation).

Defaults: λ 0.5, ε_w 1.0 for base models (0.5 for instruction-tuned, 0.2 for thinking models); all second-hand, as the
formula is.
Not published: whether w is differentiated (it is not here, being a factor of the advantage), on which policy P_student is
taken (the old one here, as the advantage is), and which correct response the teacher sees (the first other one here).
Deviations from the paper: none known; with `teacher` initial the teacher is the initial model with the answer in its
prompt, which needs a second copy of the weights.
Reduces to GRPO at: mixing 0.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from stages import rl


class Rlrt(rl.Method):
    sources = rl.Sources(
        formula="second-hand",
        constants="second-hand",
        not_published=(
            "whether the weight is differentiated",
            "on which policy P_student is taken",
            "which correct response the teacher sees",
        ),
    )

    class Settings(rl.Settings):
        mixing: float = Field(0.5, ge=0, le=1, description="λ; 2605.10781, second-hand")
        weight_width: float = Field(1.0, ge=0, description="ε_w; 2605.10781 for base models, second-hand")
        teacher: Literal["policy", "initial"] = Field(
            "policy", description="the teacher's weights; 2605.10781, second-hand"
        )

    settings: Settings

    @property
    def reference(self) -> rl.Reference:
        return "initial_with_answer" if self.settings.teacher == "initial" else "policy_with_solution"

    def token_weight(self, update: rl.Update) -> Tensor:
        settings = self.settings
        surprise = (update.old_log_prob - update.reference_log_prob).clamp(-20.0, 20.0) * update.advantages.sign()
        reversed_teacher = surprise.exp().clamp(1 - settings.weight_width, 1 + settings.weight_width)
        weight = 1 - settings.mixing + settings.mixing * reversed_teacher
        return torch.where(update.correct[:, None], weight, 1.0)
