"""Advantages shaped by perplexity or by position (Decomposing the Entropy-Performance Exchange, arXiv 2508.02260).

Variants (`variant`), two separate proposals:
  perplexity  A·clip(1 − α·z, 0.8, 1.2);  z: the response's log-perplexity −mean log q, standardised within its group,
              the mean and deviation (N) without outliers beyond 1.5 interquartile ranges; a deviation ≤ 1e-6 counts as
              1
  position    A + sign(A)·min(b, |A|/2),  b = α·σ(15·(t/L − ½)) at token t = 0 … L − 1 of L

Likely responses count more; late tokens count more.

Defaults: α 0.01 for perplexity and 0.1 for position, clip 0.2/0.28 (RUCAIBox/Slow_Thinking_with_LLMs@ca8b8662,
entropy2performance/scripts; formulas from core_algos.py there: calculate_ppl, compute_policy_loss).
Deviations from the paper: none known. The released loss computes the perplexity weight but multiplies A by it only when
its opposite, use_ppl_high with 1 + α·z, is switched on: the launcher's low_ppl run as released is GRPO. Here the weight
is applied. The launchers also filter uniform groups and shape overlong responses' rewards, as DAPO does. From which
step the position bonus counts is decided in a trainer that is not published; here it always does.
Reduces to GRPO at: shaping 0 and clip_ratio_high 0.2; shaping 0 alone is Clip-Higher.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.batch import response_mean

SHAPING = {"perplexity": 0.01, "position": 0.1}  # α, released launchers


class Decomposing(rl.Method):
    sources = rl.Sources(not_published=("from which step the position bonus counts",))

    class Settings(rl.Settings):
        clip_ratio_high: float = Field(0.28, ge=0, description="ε_high; released launchers")
        variant: Literal["perplexity", "position"] = Field("perplexity", description="which of the two proposals")
        shaping: float | None = Field(None, ge=0, description="α; none: the launcher's, 0.01 or 0.1")

    settings: Settings

    weighs = ("weight", "bonus")

    OUTLIER, SMALLEST_DEVIATION = 1.5, 1e-6  # interquartile ranges; nats
    WEIGHT_MIN, WEIGHT_MAX = 0.8, 1.2
    STEEPNESS, LARGEST_SHARE = 15.0, 0.5  # of the position's sigmoid; of |A|

    def advantages(self, responses: rl.Responses) -> Tensor:
        advantages = super().advantages(responses)
        if self.settings.variant == "perplexity":
            return advantages * self.weight(responses)[:, None]
        bonus = self.bonus(responses)
        return advantages + advantages.sign() * torch.minimum(bonus, self.LARGEST_SHARE * advantages.abs())

    @property
    def shaping(self) -> float:
        """α."""
        given = self.settings.shaping
        return SHAPING[self.settings.variant] if given is None else given

    def weight(self, responses: rl.Responses) -> Tensor:
        """[B] what a response's advantage is multiplied by."""
        weight = 1 - self.shaping * self.relative_perplexity(responses)
        return weight.clamp(self.WEIGHT_MIN, self.WEIGHT_MAX)

    def bonus(self, responses: rl.Responses) -> Tensor:
        """[B, T] b."""
        position = (responses.response_mask.cumsum(-1) - 1) / responses.response_length[:, None].clamp(min=1)
        return self.shaping * torch.sigmoid(self.STEEPNESS * (position.to(responses.rewards.dtype) - 0.5))

    def relative_perplexity(self, responses: rl.Responses) -> Tensor:
        """[B] log-perplexity of each response in standard deviations above its group's mean."""
        log_perplexity = -response_mean(responses.old_log_prob, responses.response_mask)
        relative = torch.zeros_like(log_perplexity)
        for group in responses.group.unique():
            members = responses.group == group
            values = log_perplexity[members]
            low, high = values.quantile(0.25), values.quantile(0.75)
            reach = self.OUTLIER * (high - low)
            usual = values[(values >= low - reach) & (values <= high + reach)]
            deviation = usual.std(correction=0)
            relative[members] = (values - usual.mean()) / torch.where(
                deviation > self.SMALLEST_DEVIATION, deviation, 1.0
            )
        return relative
