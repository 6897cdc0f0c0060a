"""DCPO: clip bounds that widen for unlikely tokens, advantages smoothed over visits (arXiv 2509.02333 §3).

    r between 0.5 + 0.5·√max(1 − 4ε_low/q, 0) and min(0.5 + 0.5·√(1 + 4ε_high/q), max(c, 10)),   q the old probability

At the i-th visit of a prompt, with A_cur normalised within the group and A_cum over all its responses so far:

    of (i−1)/i·A_cur + 1/i·A_cum  and  1/i·A_cur + (i−1)/i·A_cum  the one with the smaller absolute value

so a group of equal rewards has a signal once its prompt has a history.

Defaults: ε 0.16/0.2 (the repository's README; its script sets 0.2/0.28), c 10 the dual clip (the released code).
No epsilon in the normalisation; a deviation of 0 makes its part 0 (released code).
Departures: aggregation is token-mean, which is what the code's "only-token-mean" computes; its README says per response.
Neutral setting: none; the bounds depend on q.
"""

import torch
from torch import Tensor

from stages.methods import base
from stages.surrogate.groups import group_mean, group_size


class Dcpo(base.Method):
    class Settings(base.Settings):
        clip_ratio_low: float = base.Field(0.16, ge=0, description="ε_low; repository's README")
        clip_ratio_high: float = base.Field(0.2, ge=0, description="ε_high; repository's README")
        dual_clip: float | None = base.Field(10.0, gt=1, description="c; released code")

    LARGEST_RATIO = 10.0  # released code: max(c, 10)

    def clip_range(self, update: base.Update) -> tuple[Tensor, Tensor]:
        old = update.old_log_prob.exp().clamp(min=1e-30)
        lower = 0.5 + 0.5 * torch.sqrt((1 - 4 * self.settings.clip_ratio_low / old).clamp(min=0.0))
        upper = 0.5 + 0.5 * torch.sqrt(1 + 4 * self.settings.clip_ratio_high / old)
        return 1 - lower, upper.clamp(max=max(self.settings.dual_clip or 0.0, self.LARGEST_RATIO)) - 1

    def advantages(self, responses: base.Responses) -> Tensor:
        rewards, group = self.rewards(responses), responses.group
        history = responses.progress.state["history"]
        past = rewards.new_tensor([history.get(name, [0, 0, 0.0, 0.0]) for name in responses.prompt_id])
        size, mean = group_size(group).to(rewards.dtype), group_mean(rewards, group)
        current = standardised(rewards, size, mean * size, group_mean(rewards**2, group) * size)
        count, total, squares = (
            past[:, 1] + size,
            past[:, 2] + mean * size,
            past[:, 3] + group_mean(rewards**2, group) * size,
        )
        cumulative = standardised(rewards, count, total, squares)
        visit = past[:, 0] + 1
        late = (visit - 1) / visit * current + cumulative / visit
        early = current / visit + (visit - 1) / visit * cumulative
        return torch.where(late.abs() < early.abs(), late, early)[:, None] * responses.response_mask

    def initial_state(self) -> base.State:
        return {"history": {}}

    def next_state(self, responses: base.Responses, measured: dict[str, float]) -> base.State:
        """Per prompt: visits, responses, sum and sum of squares of their rewards."""
        history = dict(responses.progress.state["history"])
        rewards = self.rewards(responses)
        for name in dict.fromkeys(responses.prompt_id):
            own = rewards[torch.tensor([prompt == name for prompt in responses.prompt_id])]
            visits, count, total, squares = history.get(name, [0, 0, 0.0, 0.0])
            history[name] = [visits + 1, count + len(own), total + own.sum().item(), squares + (own**2).sum().item()]
        return {"history": history}


def standardised(rewards: Tensor, count: Tensor, total: Tensor, squares: Tensor) -> Tensor:
    """[B] (R − mean) / sample std of `count` rewards with these sums; 0 where the deviation is 0."""
    mean = total / count
    variance = ((squares - total * mean) / (count - 1).clamp(min=1)).clamp(min=0.0)
    return torch.where(variance > 1e-12, (rewards - mean) / variance.clamp(min=1e-12).sqrt(), 0.0)
