"""ProRL v2: REINFORCE++ with baseline and what keeps a long training stable (the second version of arXiv 2505.24864).

    advantage            as `reinforce_pp_baseline`: minus the group's mean, then whitened over the batch's tokens
    dynamic sampling     groups of equal rewards are replaced
    reward               0 of a response that was cut off
    clip                 ε 0.2/0.27, mean over tokens
    KL loss              + β·½(log π − log π_ref)², to the initial policy
    ICE-POP              a token counts w = π_old/μ, μ the engine that sampled, and 0 where w is not in [w_min, w_max]

Defaults: β 1e-4, w in [0.5, 5], the clips, the factor 0 on what was cut off (two recipes agree:
examples/scripts/train_prorlv2_math_hybrid_engine.sh of OpenRLHF@3c3be62 and docs/guides/prorlv2.md of
NVIDIA-NeMo/RL@7ea279a). They train 512 prompts × 16 with eight updates a step, which is the profile's to set.
Deviations from the paper: a response counts as cut off if it has as many tokens as are allowed, also where the last one ends
it; which groups are replaced is decided by the rewards before that. Its first version resets the reference; neither recipe of
the second does.
Reduces to GRPO at: no setting; the deviation is that of the batch.
"""

import torch
from pydantic import Field
from torch import Tensor

from stages import rl
from stages.methods.reinforce_pp_baseline import ReinforcePpBaseline


class Prorl(ReinforcePpBaseline):
    class Settings(rl.Settings):
        clip_ratio_high: float = Field(0.27, ge=0, description="ε_high; both recipes")
        kl_coefficient: float = Field(1e-4, ge=0, description="β, of the k2 estimate; both recipes")
        weight_min: float = Field(0.5, ge=0, description="w_min; both recipes")
        weight_max: float = Field(5.0, ge=1, description="w_max; both recipes")
        cut_off_factor: float = Field(0.0, ge=0, le=1, description="on the reward of a cut-off response; both recipes")

    settings: Settings

    uses_engine_log_prob = True

    @property
    def reference(self) -> rl.Reference:
        return "initial" if self.settings.kl_coefficient else "none"

    def rollout(self, training_step: rl.TrainingStep) -> rl.Rollout:
        return rl.Rollout(resample_uniform_groups=True)

    def rewards(self, responses: rl.Responses) -> Tensor:
        cut_off = responses.response_length >= responses.longest
        return torch.where(cut_off, self.settings.cut_off_factor * responses.rewards, responses.rewards)

    def token_weight(self, update: rl.Update) -> Tensor:
        weight = (update.old_log_prob - update.engine_log_prob).clamp(-20.0, 20.0).exp()
        return torch.where((weight >= self.settings.weight_min) & (weight <= self.settings.weight_max), weight, 0.0)

    def regulariser(self, update: rl.Update) -> Tensor | float:
        if not self.settings.kl_coefficient:
            return 0.0
        return 0.5 * self.settings.kl_coefficient * (update.log_prob - update.reference_log_prob) ** 2
