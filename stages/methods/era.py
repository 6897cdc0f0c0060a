"""ERA: sharpens or flattens the policy that good responses are trained on (Entropy Regularizing Activation, 2510.08549).

    H̄ of a response: the mean of the 20 % largest H of its tokens
    H̄ < ω_low, A > 0    log π of the update from logits·k,   A ← A/k
    H̄ > ω_high, A > 0   log π of the update from logits/k,   A ← A·k

for all tokens of the response, and only in the update: what is sampled, and the old policy, have the logits as they are.
Training the sharpened policy raises the entropy of the policy beneath it.

Defaults: ω_low 0.45 and ω_high 3 nats, k 2, 20 %, at least one token, clip 1/1 and dual clip 10 (the launcher with scaled
advantages of nothingbutbut/era@4b7320b; arXiv 2510.08549). H is the current policy's.
Deviations from the paper: its launchers replace groups of equal rewards and leave unlikely tokens out of the softmax;
neither is part of this method.
Reduces to GRPO at: sharpening 1, clip_ratio_low 0.2, clip_ratio_high 0.2 and dual_clip null.
"""

from dataclasses import replace

import torch
from pydantic import Field
from torch import Tensor

from stages import rl


class Era(rl.Method):
    sources = rl.Sources(left_out=("the filter of groups with equal rewards", "the softmax without unlikely tokens"))

    class Settings(rl.Settings):
        clip_ratio_low: float = Field(1.0, ge=0, le=1, description="ε_low; released launchers")
        clip_ratio_high: float = Field(1.0, ge=0, description="ε_high; released launchers")
        dual_clip: float | None = Field(10.0, gt=1, description="c; released launchers")
        entropy_low: float = Field(0.45, ge=0, description="ω_low in nats; released launchers")
        entropy_high: float = Field(3.0, ge=0, description="ω_high in nats; released launchers")
        sharpening: float = Field(2.0, ge=1, description="k, of the logits; released launchers")
        top_share: float = Field(0.2, gt=0, le=1, description="of a response's tokens, those of largest H")
        scale_advantages: bool = Field(True, description="A/k and A·k; the launcher without it is older")

    settings: Settings

    uses_logits = True
    selects = asked_in_loss = ("activation",)

    def logit_terms(self, logits: Tensor) -> dict[str, Tensor]:
        """Logarithms of the normalisers: of the softmax, of the sharper and of the flatter one."""
        k = self.settings.sharpening
        scales = {"log_normaliser": 1.0, "log_normaliser_sharp": k, "log_normaliser_flat": 1 / k}
        return {name: (logits * scale).logsumexp(-1) for name, scale in scales.items()}

    def top_entropy(self, update: rl.Update) -> Tensor:
        """[B, 1] H̄; 0 for a response without tokens."""
        ordered = (
            update.entropy.detach().masked_fill(~update.response_mask, -torch.inf).sort(-1, descending=True).values
        )
        count = (self.settings.top_share * update.response_length).long().clamp(min=1)[:, None]
        among = torch.arange(ordered.shape[1], device=ordered.device) < torch.minimum(
            count, update.response_length[:, None]
        )
        return torch.where(among, ordered, 0.0).sum(-1, keepdim=True) / count

    def activation(self, update: rl.Update) -> Tensor:
        """[B, 1] 1 where the policy is sharpened, −1 where it is flattened, 0 where it stays."""
        entropy = self.top_entropy(update)
        above, below = entropy > self.settings.entropy_high, entropy < self.settings.entropy_low
        return below.to(entropy.dtype) - above.to(entropy.dtype)

    def activated(self, update: rl.Update) -> rl.Update:
        """`update` with the log-probs and advantages that it is trained on."""
        k, terms, activation = self.settings.sharpening, update.logit_terms, self.activation(update)
        logit = update.log_prob + terms["log_normaliser"]
        sharp, flat = k * logit - terms["log_normaliser_sharp"], logit / k - terms["log_normaliser_flat"]
        good = update.advantages > 0
        sharper, flatter = good & (activation > 0), good & (activation < 0)
        log_prob = torch.where(sharper, sharp, torch.where(flatter, flat, update.log_prob))
        if not self.settings.scale_advantages:
            return replace(update, log_prob=log_prob)
        advantages = update.advantages
        advantages = torch.where(sharper, advantages / k, torch.where(flatter, advantages * k, advantages))
        return replace(update, log_prob=log_prob, advantages=advantages)

    def surrogate(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return super().surrogate(self.activated(update), clip_low, clip_high)

    def clipped(self, update: rl.Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        return super().clipped(self.activated(update), clip_low, clip_high)
