"""VESPO: a response counts by a smooth function of its ratio, which falls on both sides of 1 (arXiv 2602.10693).

    W = Π r over the response;   maximise  sg(W^k·e^(λ·(1 − W)))·A·log π,   k, λ by the sign of A

The factor is 1 at W = 1 and nothing is clipped.

Defaults: k 2, λ 3 for A ≥ 0 and k 3, λ 2 for A < 0, log r held within ±20 and log W within [ln 1e-8, 20] (formula and
constants second-hand, from huggingface/trl@f2cd577, which names the paper's §3.4 for them), token-mean.
Deviations from the paper: W is the ratio to the old policy as the trainer sees it; trl can add the engine's.
Reduces to GRPO at: no setting; at W = 1 the gradient is GRPO's.
"""

import math

import torch
from pydantic import Field
from torch import Tensor

from stages import rl


class Vespo(rl.Method):
    sources = rl.Sources(formula="second-hand", constants="second-hand")

    class Settings(rl.Settings):
        power_positive: float = Field(2.0, ge=0, description="k where A ≥ 0; 2602.10693, second-hand")
        decay_positive: float = Field(3.0, ge=0, description="λ where A ≥ 0; 2602.10693, second-hand")
        power_negative: float = Field(3.0, ge=0, description="k where A < 0; 2602.10693, second-hand")
        decay_negative: float = Field(2.0, ge=0, description="λ where A < 0; 2602.10693, second-hand")

    settings: Settings

    unread = ("clip_ratio_low", "clip_ratio_high")
    has_dual_clip = False
    weighs = asked_in_loss = ("factor",)
    LOG_RATIO_MIN, LOG_RATIO_MAX = math.log(1e-8), 20.0  # of a response; trl

    def factor(self, update: rl.Update) -> Tensor:
        """[B, T] W^k·e^(λ·(1 − W)), without gradient."""
        settings, positive = self.settings, update.advantages >= 0
        log_ratio = torch.where(update.response_mask, update.log_ratio.detach(), 0.0).sum(-1, keepdim=True)
        log_ratio = log_ratio.clamp(self.LOG_RATIO_MIN, self.LOG_RATIO_MAX)
        power, decay, negative_power, negative_decay = update.advantages.new_tensor(
            [settings.power_positive, settings.decay_positive, settings.power_negative, settings.decay_negative]
        )
        power, decay = torch.where(positive, power, negative_power), torch.where(positive, decay, negative_decay)
        return (power * log_ratio + decay * (1 - log_ratio.exp())).exp()

    def surrogate(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return self.factor(update) * update.advantages * update.log_prob

    def clipped(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return torch.zeros_like(update.response_mask)
