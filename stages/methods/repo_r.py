"""REPO-R: advantages rescaled by the token's log-prob (Entropy-Preserving RL, arXiv 2603.11682 §D.2; second-hand).

    A > 0   A·(1 − ζ·log π)        rare tokens of good responses count more
    A < 0   A·max(1 + ζ·log π, 0)  rare tokens of bad responses count less
    after every step  ζ ← 2ζ if H < H*, ζ/2 if H > H*, within [ζ_min, ζ_max]

log π is the current policy's, without gradient. H* is the first step's entropy, unless `target` is set. As both factors are
not negative they are applied as a token weight.

Defaults: ζ 0.001 at first, within [1e-4, 0.05] (second-hand: an example of NovaSky-AI/SkyRL, which quotes the paper for
the bounds).
Deviations from the paper: below ζ_min that example turns the sign of ζ, which this method does not.
Reduces to GRPO at: zeta 0, zeta_min 0 and zeta_max 0.
"""

import torch
from pydantic import Field
from torch import Tensor

from stages import rl


class RepoR(rl.Method):
    sources = rl.Sources(formula="second-hand", constants="second-hand", left_out=("a negative ζ",))

    class Settings(rl.Settings):
        zeta: float = Field(1e-3, ge=0, description="ζ in the first step, per nat; second-hand")
        zeta_min: float = Field(1e-4, ge=0, description="second-hand")
        zeta_max: float = Field(0.05, ge=0, description="second-hand")
        target: float | None = Field(None, ge=0, description="H* in nats; none: the first step's entropy")

    settings: Settings

    def token_weight(self, update: rl.Update) -> Tensor:
        scaled = update.training_step.state["zeta"] * update.log_prob.detach()
        return torch.where(update.advantages > 0, 1 - scaled, (1 + scaled).clamp(min=0.0))

    def initial_state(self) -> rl.State:
        return {"zeta": self.settings.zeta, "target": self.settings.target or 0.0}

    def update_state(self, responses: rl.Responses, measured: dict[str, float]) -> rl.State:
        settings, training_step, entropy = self.settings, responses.training_step, measured["entropy"]
        zeta, target = training_step.state["zeta"], training_step.state["target"]
        if training_step.step == 1 and settings.target is None:
            return {"zeta": zeta, "target": entropy}
        zeta = zeta * 2 if entropy < target else zeta / 2 if entropy > target else zeta
        return {"zeta": min(max(zeta, settings.zeta_min), settings.zeta_max), "target": target}
