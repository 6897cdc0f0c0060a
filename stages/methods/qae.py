"""QAE: a quantile of the group's rewards in the place of their mean (arXiv 2509.22611, junkangwu/QAE).

    A = (R − Q_K(R)) / (std R + 1e-6)

On hard prompts only rare right responses have an advantage, on easy ones only the wrong ones.

Variants (`variant`), of the quantile:
  paper  the right-continuous one of the group's rewards, itself one of them (second-hand): with rewards of 0 and 1 it is
         1 where at least 1 − K of the responses are right, else 0.
  code   junkangwu/QAE's line, torch.quantile, which interpolates linearly between two rewards. Its trainer and launchers
         could not be read, so that no clip or aggregation of theirs comes with it.

Defaults: K 0.4 with Clip-Higher (the README's; 0.6 where entropy still collapses).
Deviations from the paper: the standard deviation is that of the samples (N − 1), as verl's. DAPO's dynamic sampling and
length penalty, with which the authors train, are not part of this method.
Reduces to GRPO at: no setting; the baseline is a quantile.
"""

from typing import Literal

from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.advantages import group_normalised


class Qae(rl.Method):
    sources = rl.Sources(formula="in part second-hand", left_out=("dynamic sampling", "the length penalty"))

    class Settings(rl.Settings):
        clip_ratio_high: float = Field(0.28, ge=0, description="ε_high; DAPO's, with which the authors train")
        quantile: float = Field(0.4, gt=0, lt=1, description="K; README of junkangwu/QAE")
        variant: Literal["paper", "code"] = Field("paper", description="code interpolates the quantile")

    settings: Settings

    def advantages(self, responses: rl.Responses) -> Tensor:
        # a quantile of what is normalised is the normalised quantile, so the mean falls out
        value = group_normalised(self.rewards(responses), responses.group)
        for number in responses.group.unique():
            members = responses.group == number
            value[members] -= self.baseline(value[members])
        return value[:, None] * responses.response_mask

    def baseline(self, values: Tensor) -> Tensor:
        """The quantile of `values` [n], a number."""
        if self.settings.variant == "code":
            return values.quantile(self.settings.quantile)
        exceeded = int(self.settings.quantile * len(values) + 1e-9)  # 0.4 · 5 is 2, and not 1
        return values.sort().values[exceeded]
