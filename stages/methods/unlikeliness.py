"""Unlikeliness reward: right responses that were unlikely earn more (arXiv 2506.02355 §4).

    R·(1 − β·(G − rank)/G),  rank 0 the most likely response of the group

then GRPO's normalisation. Groups that are all right or all wrong have no advantage (left out by the paper, and by the
released launcher's `advantage_threshold`).

Variants (`variant`):
  paper  the above (second-hand). Whether a response's likelihood is its tokens' product or mean is not published: the
         mean here, as in `code`.
  code   the released code: R·(1 − β·rank/G), rank 0 the least likely by the mean log-prob of its tokens: a right
         response earns β/G more than in `paper`. Its token-mean was the micro-batch's.

Defaults: β 0.25, two epochs, KL 0.1 to the initial policy (2506.02355; with G 32). All G responses are ranked, wrong
ones included (released code).
Deviations from the paper: groups without advantage stay in the batch, in the mean's denominator and under the KL
penalty.
Reduces to GRPO at: beta_rank 0, kl_coefficient 0 and epochs 1.
"""

from typing import ClassVar, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from stages import rl
from stages.rl.advantages import group_size, group_uniform
from stages.rl.batch import response_mean
from stages.rl.ratio import k3


class Unlikeliness(rl.Method):
    sources = rl.Sources(
        formula="in part second-hand", not_published=("whether a response's likelihood is a product or a mean",)
    )

    class Settings(rl.Settings):
        beta_rank: float = Field(0.25, ge=0, le=1, description="β; 2506.02355")
        kl_coefficient: float = Field(0.1, ge=0, description="of k3 to the initial policy; 2506.02355")
        epochs: PositiveInt = Field(2, description="passes over a step's responses; 2506.02355")
        variant: Literal["paper", "code"] = Field("paper", description="from which end the rank is counted")

        variant_defaults: ClassVar = {"code": {"aggregation": "micro-batch-token-mean"}}

    settings: Settings

    @property
    def reference(self) -> rl.Reference:
        return "initial" if self.settings.kl_coefficient else "none"

    selects = ("steps",)

    def steps(self, responses: rl.Responses) -> Tensor:
        """[B] how many times β/G the reward loses."""
        likeliness = response_mean(responses.old_log_prob, responses.response_mask)
        same_group = responses.group[:, None] == responses.group[None]
        lower = (likeliness[None] < likeliness[:, None]) | (
            (likeliness[None] == likeliness[:, None]) & (responses.index[None] < responses.index[:, None])
        )
        from_below = (same_group & lower).sum(1)
        return from_below if self.settings.variant == "code" else from_below + 1  # G − (G − 1 − from_below)

    def rewards(self, responses: rl.Responses) -> Tensor:
        size = group_size(responses.group)
        shaped = responses.rewards * (1 - self.settings.beta_rank * self.steps(responses) / size)
        return torch.where(group_uniform(responses.rewards, responses.group), responses.rewards, shaped)

    def regulariser(self, update: rl.Update) -> Tensor | float:
        if not self.settings.kl_coefficient:
            return 0.0
        return self.settings.kl_coefficient * k3(update.log_prob, update.reference_log_prob)
