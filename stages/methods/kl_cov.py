"""KL-Cov: holds the tokens of highest covariance near the old policy (arXiv 2505.22617 §4.2, eq. 10, 13, 14).

    c = (A − mean A)(log p − mean log p)
    maximise  r·A − β·|log r|  for the share of tokens with the highest c,  r·A for the others; no clip

Variants (`variant`):
  paper   the tokens of the optimiser's mini-batch are ranked, ⌊share·n⌋ of its n are held. The penalty is Listing 1's;
          eq. 14 writes β·KL(π_old ‖ π).
  verl    verl 0.9.1: the tokens of one micro-batch are ranked, at least one is held, and the loss is a mean over the
          mini-batch. It has verl's share 2e-4 and coefficient 0.1, a tenth of the paper's.
  code    PRIME-RL/Entropy-Mechanism-of-RL@88505797: the same with the paper's two constants, and a mean over the
          micro-batch.

Defaults: β 1, share 2e-3 (§4.3 for 7B; 2e-4 for 32B). The ranking of `paper` with
`batch_statistics: current_policy` costs one pass without gradient a mini-batch.
Deviations from the paper: its filter of groups with equal rewards (§4.3) is not part of this method. Tokens of equal
covariance are ordered at random, from the run's seed, and not by their place in the batch.
Reduces to GRPO at: no setting, for want of a clip; coefficient 0 is Clip-Free. On strictly on-policy updates (r = 1)
the gradient is GRPO's.
"""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.batch import uniform
from stages.rl.selection import token_covariance, top_tokens


class KlCov(rl.Method):
    sources = rl.Sources(left_out=("the filter of groups with equal rewards",))

    class Settings(rl.BatchStatisticsSettings):
        share: float = Field(2e-3, gt=0, le=1, description="of all tokens, those held; 2505.22617 for 7B, 2e-4 for 32B")
        coefficient: float = Field(1.0, ge=0, description="β; 2505.22617")
        variant: Literal["paper", "verl", "code"] = Field(
            "paper", description="verl and code rank within the micro-batch"
        )

        variant_defaults: ClassVar = {
            "verl": {"share": 2e-4, "coefficient": 0.1},
            "code": {"aggregation": "micro-batch-token-mean"},
        }

    settings: Settings

    selects = ("selected",)

    unread = ("clip_ratio_low", "clip_ratio_high")
    has_dual_clip = False

    @property
    def batch_statistics(self) -> rl.BatchStatistics:
        return self.settings.batch_statistics if self.settings.variant == "paper" else "micro_batch"

    def selected(self, batch: rl.Update) -> Tensor:
        """[B, T] bool: the tokens of `batch` that are held."""
        count = int(self.settings.share * int(batch.response_mask.sum()))
        if self.settings.variant != "paper":
            count = max(count, 1)
        return top_tokens(
            token_covariance(batch.advantages, batch.log_prob, batch.response_mask),
            batch.response_mask,
            count,
            ties=uniform(batch, "kl_cov"),
        )

    def statistics(self, mini_batch: rl.Update) -> dict[str, Tensor]:
        return {"held": self.selected(mini_batch)}

    def surrogate(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return update.ratio * update.advantages

    def regulariser(self, update: rl.Update) -> Tensor:
        return self.settings.coefficient * update.log_ratio.abs() * update.statistics["held"]

    def clipped(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return torch.zeros_like(update.response_mask)
