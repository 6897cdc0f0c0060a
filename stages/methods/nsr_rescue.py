"""NSR: random rescue of tokens just outside the clip (Near-boundary Stochastic Rescue, arXiv 2605.22703, second-hand).

    u ~ U(1 − δ, 1 + δ) for every token outside the clip
    if u·r lies inside the clip, maximise r·A with its gradient; otherwise the clip removes the gradient as in PPO

Not to be confused with negative-sample reinforcement, the method `nsr`.

Defaults: GRPO's clip. The range of the noise is not published in what was read, so δ has no default; nor is whether the
noise is symmetric about 1 (it is here). The paper adds the rescue to DAPO and to GSPO.
Deviations from the paper: none known. The noise is drawn from the run's seed and each token's place, and is the same in
every epoch of a step.
Reduces to GRPO at: noise 0.
"""

import torch
from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.batch import uniform
from stages.rl.ratio import outside_clip


class NsrRescue(rl.Method):
    sources = rl.Sources(formula="second-hand", not_published=("noise", "whether the noise is symmetric about 1"))
    without_control = "its choice is random already"

    class Settings(rl.Settings):
        noise: float = Field(ge=0, lt=1, description="δ, half the width of the noise on the ratio; not published")

    settings: Settings

    def rescued(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        """[B, T] bool: tokens outside the clip whose perturbed ratio lies inside."""
        noise = uniform(update, "nsr_rescue").to(update.ratio.dtype)
        perturbed = update.ratio.detach() * (1 + self.settings.noise * (2 * noise - 1))
        inside = (perturbed <= 1 + clip_high) & (perturbed >= 1 - clip_low)
        return outside_clip(update, clip_low, clip_high) & inside

    def surrogate(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        clipped = super().surrogate(update, clip_low, clip_high)
        return torch.where(self.rescued(update, clip_low, clip_high), update.ratio * update.advantages, clipped)

    def clipped(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return outside_clip(update, clip_low, clip_high) & ~self.rescued(update, clip_low, clip_high)
