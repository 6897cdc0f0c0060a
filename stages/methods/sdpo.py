"""SDPO: learns what the policy would have said had it seen a right response (RL via Self-Distillation, arXiv 2601.20802).

    minimise  sg(ln p − ln q)·ln p · sg(min(π/π_old, c))      p: of the token now,  q: of the token by the teacher

the sampled-token estimate of the gradient of KL(p ‖ q). The teacher is the policy with another right response of the group in
its prompt; responses without one have no loss. Rewards say which responses are right, and nothing else.

Defaults: c 2, as in lasgroup/SDPO@0e6d510, verl/trainer/config/sdpo.yaml.
Deviations from the paper: this is the released code's path for sampled tokens (`full_logit_distillation` off, `alpha` 1), which
the paper compares with its own choice, the Jensen-Shannon divergence over the 100 likeliest tokens. The teacher is the policy
of the step (`teacher_update_rate` 1), in the paper a moving average of the policy's weights (0.05). No feedback of the
environment, no truncated importance sampling beside c (`backend.engine_correction` has it), and the words around the solution
are this bench's.
Reduces to GRPO at: no setting; its loss does not read the advantage.
"""

import torch
from pydantic import Field
from torch import Tensor

from stages import rl


class Sdpo(rl.Method):
    sources = rl.Sources(
        left_out=(
            "the distributions over the likeliest tokens",
            "the moving average of the teacher's weights",
            "the environment's feedback",
        )
    )
    unread = ("clip_ratio_low", "clip_ratio_high")
    has_dual_clip = False
    without_control = "it leaves out what has no teacher, as no other response of the group is right"

    class Settings(rl.Settings):
        ratio_max: float = Field(2.0, gt=0, description="c; lasgroup/SDPO@0e6d510")

    settings: Settings

    @property
    def reference(self) -> rl.Reference:
        return "policy_with_solution"

    def mask(self, mini_batch: rl.Update) -> Tensor:
        same = mini_batch.group[:, None] == mini_batch.group[None]
        others = (same & mini_batch.correct[None]).sum(-1) - mini_batch.correct.long()
        return mini_batch.response_mask & (others > 0)[:, None]

    def surrogate(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        pull = (update.reference_log_prob - update.log_prob) * update.ratio.clamp(max=self.settings.ratio_max)
        return pull.detach() * update.log_prob

    def clipped(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return torch.zeros_like(update.response_mask)
