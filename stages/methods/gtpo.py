"""GTPO: group token policy optimisation, rewards shared out by entropy (arXiv 2508.04349 §3.1).

    right responses:  R_t =  a1 + a2 · H_t / Σ H_t · d_t        d_t right responses of the group with length ≥ t
    wrong responses:  R_t = −a1 − a2 · (1/H_t) / Σ (1/H_t) · h_t    h_t wrong responses with length ≥ t

The sums at position t run over the right (wrong) responses of the group that reach t. Then A is R_t normalised over all
right tokens, and over all wrong tokens, of the group separately (eq. 6). So the mean advantage of right tokens is 0, as
that of wrong ones is: what is learned is which tokens of a right answer were decisions.

Not the other GTPO (arXiv 2508.03772).
Defaults: a1 1, a2 0.1, ε 0.2/0.28; H is the old policy's (formula and constants second-hand; another reading says that
the R_t at a position sum to d_t, for which a1 + a2 would have to be 1). H is held above 1e-8 (remark 2.1); the
deviation has N − 1 and 1e-6 (this bench's, as in `grpo`).
Deviations from the paper: whether "all" tokens are the group's or the batch's is not said in what could be read: the
group's here, to which every index of the paper belongs.
Reduces to GRPO at: no setting; right and wrong tokens are normalised apart.
"""

import torch
from pydantic import Field
from torch import Tensor

from stages import rl

SMALLEST_ENTROPY = 1e-8  # nats; 2508.04349, remark 2.1. In single precision the entropy of a sure token may be below 0


def shared_by_position(weight: Tensor, chosen: Tensor, group: Tensor) -> Tensor:
    """[B, T] weight / Σ weight · count, over the tokens at the same position of the group's `chosen` tokens [B, T]."""
    kept = torch.where(chosen, weight, 0.0)
    total = kept.new_zeros(int(group.max()) + 1, kept.shape[1]).index_add(0, group, kept)[group]
    count = kept.new_zeros(int(group.max()) + 1, kept.shape[1]).index_add(0, group, chosen.to(kept.dtype))[group]
    return torch.where(chosen, kept / torch.where(chosen, total, 1.0) * count, 0.0)


def normalised(values: Tensor, chosen: Tensor, group: Tensor) -> Tensor:
    """`values` [B, T] minus their mean, over their deviation, over each group's `chosen` entries; 0 elsewhere."""
    found = torch.zeros_like(values)
    for number in group.unique():
        members = chosen & (group == number)[:, None]
        kept = values[members].double()
        if kept.numel() > 1 and kept.min() < kept.max():  # else rounding would be divided by rounding
            found[members] = ((kept - kept.mean()) / (kept.std() + 1e-6)).to(found.dtype)
    return found


class Gtpo(rl.Method):
    sources = rl.Sources(formula="second-hand", constants="second-hand")
    without_control = "shares that are all the same are normalised to 0, and nothing would be learned"

    class Settings(rl.Settings):
        clip_ratio_high: float = Field(0.28, ge=0, description="ε_high; 2508.04349, second-hand")
        base_reward: float = Field(1.0, description="a1; 2508.04349, second-hand")
        entropy_reward: float = Field(0.1, ge=0, description="a2; 2508.04349, second-hand")

    settings: Settings

    def advantages(self, responses: rl.Responses) -> Tensor:
        settings, mask, group = self.settings, responses.response_mask, responses.group
        entropy = responses.old_entropy.clamp(min=SMALLEST_ENTROPY)
        right, wrong = mask & responses.correct[:, None], mask & ~responses.correct[:, None]
        rewards = settings.base_reward + settings.entropy_reward * shared_by_position(entropy, right, group)
        losses = settings.base_reward + settings.entropy_reward * shared_by_position(1 / entropy, wrong, group)
        return normalised(rewards, right, group) + normalised(-losses, wrong, group)
