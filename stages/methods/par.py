"""PAR: positive-advantage reweighting, guided by entropy (arXiv 2511.05993v3, Findings of ACL 2026).

    tokens with A > 0 count λ, all others 1
    λ ← clip(λ − Δ, 0, 1)  if the step's entropy is below δ,  else  clip(λ + Δ, 0, 1)

Raising what is already likely is what lowers entropy, so the weight of that direction follows the entropy.

Defaults: δ 0.2, Δ 0.05, λ at the start 0 (2511.05993). Whether the entropy is raw or smoothed: not published, raw
here. Scaling to another model: `threshold_of_start` states δ as a share of the first step's entropy; the paper's δ 0.2
beside its base model's 0.3657 is a share of 0.547. `step` must grow as the run gets shorter, or λ never arrives.
Departures: none known. The stage and epoch variants are other schedules of the same weight.
Neutral setting: initial_weight 1, step 0 is GRPO.
"""

import torch
from pydantic import Field
from torch import Tensor

from stages.methods import base


class Par(base.Method):
    class Settings(base.Settings):
        threshold: float = Field(0.2, ge=0, description="δ in nats")
        threshold_of_start: float | None = Field(
            None, gt=0, description="δ as a share of the first step's entropy; replaces δ"
        )
        step: float = Field(0.05, ge=0, le=1, description="Δ, how far λ moves a step")
        initial_weight: float = Field(0.0, ge=0, le=1, description="λ in the first step")

    def token_weight(self, update: base.Update) -> Tensor:
        weight = update.progress.state["weight"]
        return torch.where(update.advantages > 0, weight, torch.ones_like(update.advantages))

    def initial_state(self) -> base.State:
        return {"weight": self.settings.initial_weight, "threshold": self.settings.threshold}

    def next_state(self, responses: base.Responses, measured: dict[str, float]) -> base.State:
        progress, entropy = responses.progress, measured["entropy"]
        weight, threshold = progress.state["weight"], progress.state["threshold"]
        if progress.step == 1 and self.settings.threshold_of_start is not None:
            threshold = self.settings.threshold_of_start * entropy
        change = -self.settings.step if entropy < threshold else self.settings.step
        return {"weight": min(1.0, max(0.0, weight + change)), "threshold": threshold}
