"""Pass@k training: the advantage of a response in a random set of k (arXiv 2508.10751 §2.4).

    of the N responses to a prompt N⁻ are wrong;  R̄ = 1 − C(N⁻, k)/C(N, k),  σ = √(R̄·(1 − R̄)) + 1e-6
    right  A = (1 − R̄)/σ        wrong  A = (1 − R̄ − C(N⁻ − 1, k − 1)/C(N − 1, k − 1))/σ

the mean, over all sets of k responses that hold it, of the set's advantage, where a set has reward 1 if one of its
responses is right.

Defaults: k has none: the paper trains with several, and which it recommends is not published in what was read. The
formula and its 1e-6 are the released code's, RUCAIBox/Passk_Training@c3ba575. k is at most the responses to a prompt.
Deviations from the paper: none known.
Reduces to GRPO at: no setting; with k 1 it is GRPO with the deviation of N and not N − 1.
"""

import math

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from stages import rl
from stages.rl.advantages import group_size, group_sum


class PasskAdv(rl.Method):
    sources = rl.Sources(not_published=("k",))

    class Settings(rl.Settings):
        k: PositiveInt = Field(description="responses in a set, at most those to a prompt; not published")

    settings: Settings

    def advantages(self, responses: rl.Responses) -> Tensor:
        correct, group, k = responses.correct, responses.group, self.settings.k
        size = group_size(group)
        wrong = size - group_sum(correct.double(), group).long()
        value = [
            passk_advantage(right, n, n_wrong, k)
            for right, n, n_wrong in zip(correct.tolist(), size.tolist(), wrong.tolist(), strict=True)
        ]
        return torch.tensor(value, dtype=responses.rewards.dtype)[:, None] * responses.response_mask


def passk_advantage(right: bool, size: int, wrong: int, k: int) -> float:
    """The advantage of one of `size` responses to a prompt, of which `wrong` are wrong; fewer than k are one set."""
    k = min(k, size)
    reward = 1 - math.comb(wrong, k) / math.comb(size, k)
    deviation = math.sqrt(reward * (1 - reward)) + 1e-6
    fails = 0.0 if right else math.comb(wrong - 1, k - 1) / math.comb(size - 1, k - 1)
    return (1 - reward - fails) / deviation
