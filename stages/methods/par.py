"""PAR: reweights the tokens with positive advantage (arXiv 2511.05993v3 §7, Findings of ACL 2026).

    tokens with A > 0 count λ ∈ [0, 1], all others 1

Raising what is already likely is what lowers entropy, so the weight of that direction is kept small at first or follows
the entropy.

Variants (`variant`), schedules of λ; step k of T, data epoch e of E:
  entropy_guided  λ ← clip(λ − Δ, 0, 1) if the step's entropy is below δ, else clip(λ + Δ, 0, 1) (eq. 5)
  stage           0 for k ≤ T/2, then linear to 1 at T
  epoch           (e − 1)/(E − 1); E is not published and has no default
  constant        λ = initial_weight throughout: what the paper varies to show that a smaller λ keeps more entropy

Defaults: δ 0.2, Δ 0.05, λ at the start 0 (2511.05993). The entropy is the step's own, as H_k in eq. 5; the smoothed one
of eq. 9 is the paper's for its figures. Scaling to another model: `threshold_of_start` states δ as a share of the first
step's entropy; the paper's δ 0.2 beside its base model's 0.3657 is a share of 0.547. `step` must grow as the run gets
shorter, or λ never arrives.
Deviations from the paper: none known; the E data epochs divide the run's steps evenly.
Reduces to GRPO at: initial_weight 1 with variant constant, or with entropy_guided and step 0.
"""

from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from stages import rl


class Par(rl.Method):
    sources = rl.Sources(not_published=("data_epochs",))

    class Settings(rl.Settings):
        variant: Literal["entropy_guided", "stage", "epoch", "constant"] = Field(
            "entropy_guided", description="schedule of λ"
        )
        threshold: float = Field(
            0.2,
            ge=0,
            description="δ in nats",
            json_schema_extra=rl.read_where(variant=("entropy_guided",), threshold_of_start=(None,)),
        )
        threshold_of_start: float | None = Field(
            None,
            gt=0,
            description="δ as a share of the first step's entropy; replaces δ",
            json_schema_extra=rl.read_where(variant=("entropy_guided",)),
        )
        step: float = Field(
            0.05,
            ge=0,
            le=1,
            description="Δ, how far λ moves a step",
            json_schema_extra=rl.read_where(variant=("entropy_guided",)),
        )
        initial_weight: float = Field(
            0.0,
            ge=0,
            le=1,
            description="λ in the first step; constant: in every step",
            json_schema_extra=rl.read_where(variant=("entropy_guided", "constant")),
        )
        data_epochs: int | None = Field(
            None,
            description="E, epochs over the training data, at least 2; epoch: required, not published",
            json_schema_extra=rl.read_where(variant=("epoch",)),
        )

        @model_validator(mode="after")
        def _lambda_by_epoch_is_defined(self) -> Self:
            if self.variant == "epoch" and (self.data_epochs is None or self.data_epochs < 2):
                raise ValueError(
                    f"data_epochs: variant epoch needs at least 2, not {self.data_epochs}; λ = (e − 1)/(E − 1)"
                )
            return self

    settings: Settings

    def weight(self, training_step: rl.TrainingStep) -> float:
        """λ of the step."""
        step, total = training_step.step, training_step.total_steps
        if self.settings.variant == "entropy_guided":
            return training_step.state["weight"]
        if self.settings.variant == "stage":
            return max(0.0, 2 * step / total - 1)
        if self.settings.data_epochs is not None and self.settings.variant == "epoch":
            return (step - 1) * self.settings.data_epochs // total / (self.settings.data_epochs - 1)
        return self.settings.initial_weight

    def token_weight(self, update: rl.Update) -> Tensor:
        weight = self.weight(update.training_step)
        return torch.where(update.advantages > 0, weight, torch.ones_like(update.advantages))

    def initial_state(self) -> rl.State:
        if self.settings.variant != "entropy_guided":
            return {}
        return {"weight": self.settings.initial_weight, "threshold": self.settings.threshold}

    def update_state(self, responses: rl.Responses, measured: dict[str, float]) -> rl.State:
        training_step, entropy = responses.training_step, measured["entropy"]
        if self.settings.variant != "entropy_guided":
            return training_step.state
        weight, threshold = training_step.state["weight"], training_step.state["threshold"]
        if training_step.step == 1 and self.settings.threshold_of_start is not None:
            threshold = self.settings.threshold_of_start * entropy
        change = -self.settings.step if entropy < threshold else self.settings.step
        return {"weight": min(1.0, max(0.0, weight + change)), "threshold": threshold}
