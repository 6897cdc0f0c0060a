"""GTPO: group token policy optimisation, rewards shared out by entropy (arXiv 2508.04349 §3.1).

    right responses:  R_t =  a1 + a2 · H_t / Σ H_t · d_t        d_t right responses of the group with length ≥ t
    wrong responses:  R_t = −a1 − a2 · (1/H_t) / Σ (1/H_t) · h_t    h_t wrong responses with length ≥ t

The sums at position t run over the right (wrong) responses of the group that reach t. Then A is R_t normalised over all
right tokens, and over all wrong tokens, of the batch separately.

Not the other GTPO (arXiv 2508.03772).
Defaults: a1 1, a2 0.1, ε 0.2/0.28 (second-hand). 1/H is guarded by 1e-8; the deviation by 1e-6 (this suite's).
Departures: H is the old policy's, from which the advantages are computed.
Neutral setting: none; right and wrong tokens are normalised apart.
"""

import torch
from torch import Tensor

from stages.methods import base


def shared_by_position(weight: Tensor, chosen: Tensor, group: Tensor) -> Tensor:
    """[B, T] weight / Σ weight · count, over the tokens at the same position of the group's `chosen` tokens [B, T]."""
    kept = torch.where(chosen, weight, 0.0)
    total = kept.new_zeros(int(group.max()) + 1, kept.shape[1]).index_add(0, group, kept)[group]
    count = kept.new_zeros(int(group.max()) + 1, kept.shape[1]).index_add(0, group, chosen.to(kept.dtype))[group]
    return torch.where(chosen, kept / total.clamp(min=1e-30) * count, 0.0)


def normalised(values: Tensor, chosen: Tensor) -> Tensor:
    """`values` minus their mean, over their deviation, over the `chosen` entries; 0 elsewhere."""
    kept = values[chosen]
    if kept.numel() < 2:
        return torch.zeros_like(values)
    return torch.where(chosen, (values - kept.mean()) / (kept.std() + 1e-6), 0.0)


class Gtpo(base.Method):
    class Settings(base.Settings):
        clip_ratio_high: float = base.Field(0.28, ge=0, description="ε_high; 2508.04349, second-hand")
        base_reward: float = base.Field(1.0, description="a1; 2508.04349, second-hand")
        entropy_reward: float = base.Field(0.1, ge=0, description="a2; 2508.04349, second-hand")

    def advantages(self, responses: base.Responses) -> Tensor:
        settings, mask, entropy = self.settings, responses.response_mask, responses.old_entropy
        right, wrong = mask & responses.correct[:, None], mask & ~responses.correct[:, None]
        bonus = shared_by_position(entropy, right, responses.group)
        malus = shared_by_position(1 / entropy.clamp(min=1e-8), wrong, responses.group)
        return normalised(settings.base_reward + settings.entropy_reward * bonus, right) + normalised(
            -settings.base_reward - settings.entropy_reward * malus, wrong
        )
