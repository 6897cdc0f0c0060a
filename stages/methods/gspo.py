"""GSPO: ratio, clip and weight of a whole response instead of a token's (arXiv 2507.18071 §4.1, eq. 5–7).

    s = exp(mean over the response of log r)
    maximise  min(s·A, clip(s, 1 − ε_low, 1 + ε_high)·A)   one value a response

Every token carries its response's value and its own share of the gradient: s_t = sg(s)·π/sg(π), whose gradient is s's
where A is the same along the response (the paper's GSPO-token, §4.3).

Defaults: ε_low 3e-4, ε_high 4e-4 (2507.18071), mean over each response first (the paper; verl 0.9.1 leaves it to
`loss_agg_mode`). As in verl, log s is held at 10 at most.
Deviations from the paper: none known.
Reduces to GRPO at: no setting; responses of one token with equal widths are GRPO's.
"""

import torch
from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.aggregation import Aggregation
from stages.rl.batch import response_mean
from stages.rl.ratio import clipped_objective


class Gspo(rl.Method):
    class Settings(rl.Settings):
        clip_ratio_low: float = Field(3e-4, ge=0, le=1, description="ε_low of the sequence ratio; 2507.18071")
        clip_ratio_high: float = Field(4e-4, ge=0, description="ε_high of the sequence ratio; 2507.18071")
        aggregation: Aggregation = Field("seq-mean-token-mean", description="2507.18071")

    settings: Settings

    LARGEST_LOG_RATIO = 10.0  # verl 0.9.1

    def sequence_ratio(self, update: rl.Update) -> Tensor:
        """[B, T] the response's ratio, with each token's gradient."""
        of_response = response_mean(update.log_prob - update.old_log_prob, update.response_mask).detach()
        own = update.log_prob - update.log_prob.detach()
        return (own + of_response[:, None]).clamp(max=self.LARGEST_LOG_RATIO).exp()

    def surrogate(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        ratio = self.sequence_ratio(update)
        return clipped_objective(ratio, update.advantages, clip_low, clip_high, self.settings.dual_clip)

    def clipped(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        ratio = self.sequence_ratio(update)
        return torch.where(
            update.advantages > 0, ratio > 1 + clip_high, (update.advantages < 0) & (ratio < 1 - clip_low)
        )

    def held_by_dual_clip(self, update: rl.Update, dual_clip: float) -> Tensor:
        return (update.advantages < 0) & (self.sequence_ratio(update) > dual_clip)
