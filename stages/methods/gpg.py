"""GPG: plain policy gradient on group-relative rewards (arXiv 2504.02546 §3).

    maximise  α·(R − mean R)·log p

so that groups without signal do not shrink the gradient. Variants (`variant`):
  paper  α = B / (B − M), M the number of responses in groups whose rewards are all equal
  verl   α = B / number of responses with a reward that is not 0 (verl 0.9.1, compute_gpg_outcome_advantage)

Defaults: F_norm 1 (§3.2). The official code counts groups, which is the same share, and samples dead ones again.
Departures: dead groups are not sampled again. A group of one has no signal in `paper` and keeps R in `verl`.
Neutral setting: none; there is no ratio, and the advantage is not divided by the standard deviation.
"""

from typing import Literal

import torch
from torch import Tensor

from stages.methods import base
from stages.surrogate.centred import group_centred, group_uniform
from stages.surrogate.groups import group_mean


class Gpg(base.Method):
    class Settings(base.Settings):
        variant: Literal["paper", "verl"] = base.Field("paper", description="which α")

    def advantages(self, responses: base.Responses) -> Tensor:
        rewards, group = self.rewards(responses), responses.group
        if self.settings.variant == "paper":
            centred, counted = rewards - group_mean(rewards, group), (~group_uniform(rewards, group)).sum()
        else:
            centred, counted = group_centred(rewards, group), (rewards != 0).sum()
        return (len(rewards) / counted.clamp(min=1) * centred)[:, None] * responses.response_mask

    def surrogate(self, update: base.Update, clip_low, clip_high) -> Tensor:
        return update.advantages * update.log_prob

    def clipped(self, update: base.Update, clip_low, clip_high) -> Tensor:
        return torch.zeros_like(update.response_mask)
