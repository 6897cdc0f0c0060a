"""SENT as released: holds sure tokens of extreme covariance near the old policy (2512.04359, zldscr0/SENT@b3235649).

    low tokens: the 80 % of tokens with the lowest H;   c = (A − mean A)(log p − mean log p) over them
    maximise  r·A − 2β·|log r|     for the share of low tokens with the highest c
              r·A − ½β·|log r|     for as many with the lowest c
              r·A                  for the others; no clip

This is what compute_policy_loss_low_entropy_kl_cov_v2 does, which differs from the paper's loss (the method `sent`) in
every term. A and log p count without gradient, H is the current policy's, and the sets are those of a micro-batch, as
the mean of the loss is.

Defaults: 80 %, factors 2 and ½, share 2e-4 and β 1, that function's own. Its launchers set neither of the last two, so
that verl's β 0.1 may have been in force; they add 1e-3·KL to the initial model, which is the method kl_penalty.
Deviations from the paper: it is the released loss, not the paper's. Equal values are ordered at random, from the run's
seed.
Reduces to GRPO at: no setting, for want of a clip; coefficient 0 is Clip-Free.
"""

import torch
from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.aggregation import Aggregation
from stages.rl.batch import masked_mean, uniform


class SentReleased(rl.Method):
    class Settings(rl.Settings):
        aggregation: Aggregation = Field("micro-batch-token-mean", description="of token losses; zldscr0/SENT@b3235649")
        low_share: float = Field(0.8, gt=0, le=1, description="of all tokens, those of lowest entropy")
        share: float = Field(2e-4, gt=0, le=0.5, description="of low tokens, at each end of c")
        coefficient: float = Field(1.0, ge=0, description="β")
        high_factor: float = Field(2.0, ge=0, description="of β at the highest covariances")
        low_factor: float = Field(0.5, ge=0, description="of β at the lowest covariances")

    settings: Settings

    unread = ("clip_ratio_low", "clip_ratio_high")
    has_dual_clip = False

    @property
    def batch_statistics(self) -> rl.BatchStatistics:
        return "micro_batch"

    selects = ("held",)

    def held(self, mini_batch: rl.Update) -> Tensor:
        """How strongly each token is held, [B, T]."""
        settings, ties = self.settings, uniform(mini_batch, "sent")
        low = _lowest(mini_batch.entropy, mini_batch.response_mask, settings.low_share, ties)
        centred = [values - masked_mean(values, low) for values in (mini_batch.advantages, mini_batch.log_prob)]
        covariance = centred[0] * centred[1]
        factor = torch.zeros_like(covariance)
        factor[_lowest(-covariance, low, settings.share, ties)] = settings.high_factor
        factor[_lowest(covariance, low, settings.share, ties)] = settings.low_factor
        return factor

    def statistics(self, mini_batch: rl.Update) -> dict[str, Tensor]:
        return {"held": self.held(mini_batch)}

    def surrogate(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        held = self.settings.coefficient * update.statistics["held"]
        return update.ratio * update.advantages - held * update.log_ratio.abs()

    def clipped(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return torch.zeros_like(update.response_mask)


def _lowest(values: Tensor, among: Tensor, share: float, ties: Tensor) -> Tensor:
    """[B, T] bool: of the tokens `among`, the `share` with the lowest `values`; of equal ones those with the lower `ties`.

    At least one if there is any, and rounded down, as in the released code.
    """
    places = among.flatten().nonzero()[:, 0]
    order = ties.flatten()[places].argsort()
    places = places[order][values.flatten()[places[order]].argsort(stable=True)]
    chosen = torch.zeros_like(among.flatten())
    chosen[places[: max(1, int(len(places) * share))]] = True
    return chosen.view_as(among)
