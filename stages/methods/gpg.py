"""GPG: plain policy gradient on group-relative rewards (arXiv 2504.02546 §2.2, eq. 5–8; second-hand).

    maximise  α·(R − mean R)·log p

so that groups without signal do not shrink the gradient. Variants (`variant`):
  paper  α = B / (B − M), M the number of responses in groups whose rewards are all equal
  verl   α = B / number of responses with a reward that is not 0 (verl 0.9.1, compute_gpg_outcome_advantage)

Defaults: F_norm 1. The official code counts groups, which is the same share.
Deviations from the paper: its Algorithm 1 samples on until enough of a batch has signal (α < 1/β_th, 0.6 in its 7B
recipe); here no group is sampled again. B is the step's batch. A group of one has no signal in `paper` and keeps R in
`verl`.
Reduces to GRPO at: no setting; there is no ratio, and the advantage is not divided by the standard deviation.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.advantages import group_centred, group_mean, group_uniform


class Gpg(rl.Method):
    sources = rl.Sources(formula="in part second-hand", left_out=("sampling until enough groups have a signal",))

    class Settings(rl.Settings):
        variant: Literal["paper", "verl"] = Field("paper", description="which α")

    settings: Settings

    unread = ("clip_ratio_low", "clip_ratio_high")
    has_dual_clip = False

    def advantages(self, responses: rl.Responses) -> Tensor:
        rewards, group = self.rewards(responses), responses.group
        if self.settings.variant == "paper":
            centred, counted = rewards - group_mean(rewards, group), (~group_uniform(rewards, group)).sum()
        else:
            centred, counted = group_centred(rewards, group), (rewards != 0).sum()
        return (len(rewards) / counted.clamp(min=1) * centred)[:, None] * responses.response_mask

    def surrogate(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return update.advantages * update.log_prob

    def clipped(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return torch.zeros_like(update.response_mask)
