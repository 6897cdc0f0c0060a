"""GRPODropout: leaves out good responses that are likely already (arXiv 2610.11854 §3, eq. 2, 4, 7, 9).

    s = −mean log q of a response's tokens,   h = A·(s − mean s),   means over the group
    of the group's responses those with the most negative h are left out, one after another, until Σ h ≥ 0;
    those with A ≤ 0 are taken back
    A ← A − b,   b = Σ e^−s·A / Σ e^−s   over the responses that stay

Σ h is, to first order, what the group's update adds to the entropy. A response that is left out counts nowhere, in the
denominator neither.

Defaults: none to choose. The surprisal s is divided by the length, as the paper does in practice.
Deviations from the paper: none known. A released selector keeps at least a quarter of a group and stops before Σ h
would reach 0; the paper's rule is taken.
Reduces to GRPO at: no setting; responses that stay are centred anew.
"""

import torch
from torch import Tensor

from stages import rl
from stages.rl.advantages import group_mean, group_normalised, group_sum
from stages.rl.batch import response_mean


class GrpoDropout(rl.Method):
    selects = ("left_out",)

    ROUNDING = 1e-12  # a sum of h that is 0 but for rounding leaves nobody out

    def native(self, responses: rl.Responses) -> Tensor:
        """[B] the advantages before anything is left out."""
        return group_normalised(self.rewards(responses), responses.group).double()

    def surprisal(self, responses: rl.Responses) -> Tensor:
        """[B] s in nats."""
        return -response_mean(responses.old_log_prob, responses.response_mask).double()

    def left_out(self, responses: rl.Responses) -> Tensor:
        """[B] bool: the responses that are not trained on."""
        native, surprisal = self.native(responses), self.surprisal(responses)
        push = native * (surprisal - group_mean(surprisal, responses.group))
        found = torch.zeros_like(responses.correct)
        for number in responses.group.unique():
            members = (responses.group == number).nonzero()[:, 0]
            members = members[responses.index[members].argsort()]  # of equal h the first goes
            order = members[push[members].argsort(stable=True)]
            what_remains = push[order].flip(0).cumsum(0).flip(0)  # Σ h of a response and of those after it
            found[order] = what_remains < -self.ROUNDING
        return found & (native > 0)

    def advantages(self, responses: rl.Responses) -> Tensor:
        native, group = self.native(responses), responses.group
        likelihood = (-self.surprisal(responses)).exp() * ~self.left_out(responses)
        centre = group_sum(likelihood * native, group) / group_sum(likelihood, group).clamp(min=1e-300)
        return (native - centre).to(responses.rewards.dtype)[:, None] * responses.response_mask

    def mask(self, mini_batch: rl.Update) -> Tensor:
        return mini_batch.response_mask & ~self.left_out(mini_batch)[:, None]
