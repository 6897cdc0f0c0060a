"""EntroPIC: steers the entropy by a term on likely tokens, sized by a PI controller (arXiv 2511.15248).

    e = h − h*                                 h: entropy of the mini-batch
    α = clip(K_p·e + K_i·Σ e, −1, 1)            Σ over the steps before and this one
    loss + α·mean over tokens with p > 0.95 of (−r·|A|)

Below the target (α < 0) likely tokens lose weight where A > 0 and are pushed down harder where A < 0; above it the
reverse.

Variants (`variant`):
  paper  h and the mean over likely tokens are the mini-batch's; a step adds its e, from the entropy of its rollouts.
  code   yk7333/EntroPIC@2470730c: both are the micro-batch's; Σ e is of the micro-batches before this one, each with
         its share of the mini-batch, so that every update adds about one e. Each rank has a sum of its own there; here it
         starts every step from the ranks' mean. It has verl's dual clip 3 and the micro-batch's token-mean.

Defaults: K_p 1, K_i 0.01, h* 0.1 nats, p > 0.95, PPO's clip 0.2 (2511.15248; the released launcher). h and the share of
likely tokens cost `paper` with `batch_statistics: current_policy` one pass without gradient a mini-batch.
Deviations from the paper: none known.
Reduces to GRPO at: proportional_gain 0 and integral_gain 0.
"""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator
from torch import Tensor

from stages import rl
from stages.rl.batch import masked_mean
from stages.rl.selection import own_mean_scale


class Entropic(rl.Method):
    class Settings(rl.BatchStatisticsSettings):
        target: float = Field(0.1, ge=0, description="h* in nats; 2511.15248")
        proportional_gain: float = Field(1.0, ge=0, description="K_p per nat; 2511.15248")
        integral_gain: float = Field(0.01, ge=0, description="K_i per nat and step; 2511.15248")
        likely: float = Field(0.95, gt=0, lt=1, description="p above which a token is likely; 2511.15248")
        variant: Literal["paper", "code"] = Field("paper", description="code controls by the micro-batch")

        variant_defaults: ClassVar = {"code": {"dual_clip": 3.0, "aggregation": "micro-batch-token-mean"}}

        @model_validator(mode="after")
        def _mean_over_likely_tokens_exists(self) -> Self:
            rl.needs_token_mean(self)
            return self

    settings: Settings

    selects = asked_in_loss = ("likely",)

    @property
    def batch_statistics(self) -> rl.BatchStatistics:
        return "micro_batch" if self.settings.variant == "code" else self.settings.batch_statistics

    def likely(self, update: rl.Update) -> Tensor:
        """[B, T] bool: tokens of which the current policy is sure."""
        return update.response_mask & (update.log_prob.detach().exp() > self.settings.likely)

    def statistics(self, mini_batch: rl.Update) -> dict[str, Tensor]:
        settings = self.settings
        error = masked_mean(mini_batch.entropy, mini_batch.response_mask) - settings.target
        total = mini_batch.training_step.state["error_sum"] + (0.0 if settings.variant == "code" else error)
        control = (settings.proportional_gain * error + settings.integral_gain * total).clamp(-1.0, 1.0)
        likely_scale = own_mean_scale(self.likely(mini_batch), mini_batch.response_mask)
        return {"error": error, "control": control, "likely_scale": likely_scale}

    def regulariser(self, update: rl.Update) -> Tensor:
        scale = update.statistics["control"] * update.statistics["likely_scale"]
        return -scale * update.ratio * update.advantages.abs() * self.likely(update)

    def initial_state(self) -> rl.State:
        return {"error_sum": 0.0}

    def accumulate(self, micro_batch: rl.Update) -> dict[str, Tensor]:
        return {"error_sum": micro_batch.statistics["error"]} if self.settings.variant == "code" else {}

    def update_state(self, responses: rl.Responses, measured: dict[str, float]) -> rl.State:
        code = self.settings.variant == "code"
        added = measured["error_sum"] if code else measured["entropy"] - self.settings.target
        return {"error_sum": responses.training_step.state["error_sum"] + added}
