"""STARE: while the entropy is low, surprising tokens of good responses count more (arXiv 2606.19236 §4).

    s = −ln π(token);   L⁺ = the share P of the tokens with A > 0 that have the largest s,   L⁻ likewise with A < 0
    where the step's entropy is below H*:   tokens of L⁺ count W,   those of L⁻ count M in `both_sides`,   all others 1

s is the current policy's, without gradient. Variants (`sides`): `positive` (the paper's O1) weighs L⁺ only, `both_sides`
(C2) also L⁻. With `adaptive` the weights follow the entropy (§4.4), after every step:

    W ← clip(W + α·sgn(H* − H), 1, W_max),   M ← clip(M − α·sgn(H* − H), M_min, 1)

Variants (`variant`), of where the tokens are ranked:
  paper  over the optimiser's mini-batch.
  code   hp-luo/STARE@bffb9e7: over one micro-batch, whose token-mean weighs as much as its responses. Its controller
         moves W and M before the update of the step whose entropy moved them; here they are moved after it, as in §4.4.

Defaults: P 0.1, W 1.1, M 0.9, H* 0.3, α 0.01, W_max 1.5, M_min 0.5, ε 0.2/0.28, dual clip 10, one update a step (released
launcher, which names them the paper's; 1.05 and 0.95 for 14B and above). ⌈P·n⌉ tokens of n, at least one. The ranking of
`paper` with `batch_statistics: current_policy` costs one pass without gradient a mini-batch.
Deviations from the paper: its launchers replace groups of equal rewards, which is not part of this method. Tokens of
equal s are ordered at random, from the run's seed.
Reduces to GRPO at: target 0, clip_ratio_high 0.2 and dual_clip null.
"""

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from stages import rl
from stages.rl.batch import uniform
from stages.rl.selection import top_tokens


class Stare(rl.Method):
    sources = rl.Sources(left_out=("the filter of groups with equal rewards",))

    class Settings(rl.BatchStatisticsSettings):
        clip_ratio_high: float = Field(0.28, ge=0, description="ε_high; released launcher")
        dual_clip: float | None = Field(10.0, gt=1, description="c; released launcher")
        updates_per_step: PositiveInt | None = Field(1, description="strictly on-policy; released launcher")
        share: float = Field(0.1, gt=0, le=1, description="P, of the tokens of one sign of A; 2606.19236")
        weight_positive: float = Field(1.1, ge=1, description="W; 2606.19236, 1.05 for 14B and above")
        weight_negative: float = Field(
            0.9,
            ge=0,
            le=1,
            description="M; 2606.19236, 0.95 for 14B and above",
            json_schema_extra=rl.read_where(sides=("both_sides",)),
        )
        target: float = Field(0.3, ge=0, description="H* in nats; 2606.19236")
        sides: Literal["positive", "both_sides"] = Field("positive", description="which tokens are weighed")
        adaptive: bool = Field(False, description="whether the weights follow the entropy; 2606.19236 §4.4")
        step: float = Field(
            0.01,
            ge=0,
            description="α, how far adaptive weights move a step; 2606.19236",
            json_schema_extra=rl.read_where(adaptive=(True,)),
        )
        weight_positive_max: float = Field(
            1.5, ge=1, description="W_max; 2606.19236", json_schema_extra=rl.read_where(adaptive=(True,))
        )
        weight_negative_min: float = Field(
            0.5, ge=0, le=1, description="M_min; 2606.19236", json_schema_extra=rl.read_where(adaptive=(True,))
        )
        variant: Literal["paper", "code"] = Field("paper", description="code ranks within the micro-batch")

        variant_defaults: ClassVar = {"code": {"aggregation": "micro-batch-token-mean"}}

    settings: Settings

    selects = ("surprising",)

    @property
    def batch_statistics(self) -> rl.BatchStatistics:
        return "micro_batch" if self.settings.variant == "code" else self.settings.batch_statistics

    def surprising(self, batch: rl.Update) -> Tensor:
        """[B, T] bool: the tokens of L⁺ and, in `both_sides`, of L⁻."""
        chosen, ties = torch.zeros_like(batch.response_mask), uniform(batch, "stare")
        for sign in (1, -1) if self.settings.sides == "both_sides" else (1,):
            among = batch.response_mask & (batch.advantages * sign > 0)
            count = math.ceil(self.settings.share * int(among.sum()) - 1e-6)  # 0.1 · 30 is 3, and not 4
            chosen |= top_tokens(-batch.log_prob.detach(), among, count, ties)
        return chosen

    def statistics(self, mini_batch: rl.Update) -> dict[str, Tensor]:
        return {"surprising": self.surprising(mini_batch)}

    def token_weight(self, update: rl.Update) -> Tensor:
        training_step = update.training_step
        if training_step.entropy >= self.settings.target:
            return torch.ones_like(update.advantages)
        positive, negative = (
            update.advantages.new_tensor(training_step.state[name]) for name in ("weight_positive", "weight_negative")
        )
        return torch.where(update.statistics["surprising"], torch.where(update.advantages > 0, positive, negative), 1.0)

    def initial_state(self) -> rl.State:
        settings = self.settings
        return {"weight_positive": settings.weight_positive, "weight_negative": settings.weight_negative}

    def update_state(self, responses: rl.Responses, measured: dict[str, float]) -> rl.State:
        settings, state = self.settings, responses.training_step.state
        if not settings.adaptive:
            return state
        difference = settings.target - measured["entropy"]
        step = settings.step * ((difference > 0) - (difference < 0))
        return {
            "weight_positive": min(max(state["weight_positive"] + step, 1.0), settings.weight_positive_max),
            "weight_negative": min(max(state["weight_negative"] - step, settings.weight_negative_min), 1.0),
        }
