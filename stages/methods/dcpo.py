"""DCPO: clip bounds that widen for unlikely tokens, advantages smoothed over visits (arXiv 2509.02333 §2, §3).

    r between 0.5 + 0.5·√max(1 − 4ε_low/q, 0) and min(0.5 + 0.5·√(1 + 4ε_high/q), 10),   q the old probability

At the i-th visit of a prompt, with A_cur normalised within the group and A_total over all its responses so far:

    of (i−1)/i·A_cur + 1/i·A_total  and  1/i·A_cur + (i−1)/i·A_total  the one with the smaller absolute value

so a group of equal rewards has a signal once its prompt has a history.

Variants (`variant`):
  paper  deviations divide by N (eq. 30), over all responses so far.
  code   lime-RL/DCPO@01787b0: deviations divide by N − 1; those of all visits are joined as if every visit had added one
         variance, σ² ← ((i − 1)·σ² + s² + (i − 1)/i·(difference of the means)²)/i. It has the script's ε 0.2/0.28, and
         its "only-token-mean" is the micro-batch's mean over all tokens.

Defaults: ε 0.16/0.2, largest ratio 10 for both signs of A, which for A<0 is the dual clip c (§A.9; the released code
caps the ratio at max(c, 10)). Deviations have no epsilon; one of 0 makes its part 0 (released code). Each response's
tokens are averaged first (§3.1, "only token mean").
Deviations from the paper: these averages are summed over the responses in the paper and averaged here, a constant
factor.
Reduces to GRPO at: no setting; the bounds depend on q.
"""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.advantages import group_mean, group_size, group_sum
from stages.rl.aggregation import Aggregation


class Dcpo(rl.Method):
    class Settings(rl.Settings):
        clip_ratio_low: float = Field(0.16, ge=0, description="ε_low; 2509.02333 §A.9")
        clip_ratio_high: float = Field(0.2, ge=0, description="ε_high; 2509.02333 §A.9")
        dual_clip: float | None = Field(10.0, gt=1, description="c; 2509.02333 §A.9")
        aggregation: Aggregation = Field("seq-mean-token-mean", description="of token losses; 2509.02333 §3.1")
        variant: Literal["paper", "code"] = Field("paper", description="how deviations are taken")

        variant_defaults: ClassVar = {
            "code": {"clip_ratio_low": 0.2, "clip_ratio_high": 0.28, "aggregation": "micro-batch-token-mean"}
        }

    settings: Settings

    LARGEST_RATIO = 10.0  # 2509.02333 §2; in the released code max(c, 10)

    def clip_range(self, update: rl.Update) -> tuple[Tensor, Tensor]:
        old = update.old_log_prob.exp().clamp(min=1e-30)
        lower = 0.5 + 0.5 * torch.sqrt((1 - 4 * self.settings.clip_ratio_low / old).clamp(min=0.0))
        upper = 0.5 + 0.5 * torch.sqrt(1 + 4 * self.settings.clip_ratio_high / old)
        return 1 - lower, upper.clamp(max=max(self.settings.dual_clip or 0.0, self.LARGEST_RATIO)) - 1

    def advantages(self, responses: rl.Responses) -> Tensor:
        # in double precision: a deviation of 0 has to be found in sums of squares
        rewards, group = self.rewards(responses).double(), responses.group
        now = torch.stack([torch.ones_like(rewards), *self.moments(rewards, group)], dim=1)
        history = responses.training_step.state["history"]
        past = rewards.new_tensor([history.get(name, [0, 0, 0.0, 0.0]) for name in responses.prompt_id])
        joined = with_history(past, now)
        visit = joined[:, 0]
        current, cumulative = standardised(rewards, now), standardised(rewards, joined)
        late = (visit - 1) / visit * current + cumulative / visit
        early = current / visit + (visit - 1) / visit * cumulative
        smaller = torch.where(late.abs() < early.abs(), late, early)
        return smaller.to(responses.rewards.dtype)[:, None] * responses.response_mask

    def initial_state(self) -> rl.State:
        return {"history": {}}

    def update_state(self, responses: rl.Responses, measured: dict[str, float]) -> rl.State:
        """Per prompt: visits, number of its rewards so far, their mean and variance."""
        history = dict(responses.training_step.state["history"])
        rewards = self.rewards(responses).double()
        for name in dict.fromkeys(responses.prompt_id):
            own = rewards[torch.tensor([prompt == name for prompt in responses.prompt_id])]
            now = [1.0, *(value[0].item() for value in self.moments(own, torch.zeros(len(own), dtype=torch.long)))]
            past = history.get(name, [0, 0, 0.0, 0.0])
            history[name] = with_history(own.new_tensor([past]), own.new_tensor([now]))[0].tolist()
        return {"history": history}

    def moments(self, rewards: Tensor, group: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Number of rewards, mean and variance of each response's group, [B] each."""
        size = group_size(group).to(rewards.dtype)
        centred = rewards - group_mean(rewards, group)
        divisor = size if self.settings.variant == "paper" else (size - 1).clamp(min=1)
        return size, rewards - centred, group_sum(centred**2, group) / divisor


def with_history(past: Tensor, now: Tensor) -> Tensor:
    """[B, 4] visits, number of rewards, their mean and variance, from those of the past and of the present visit [B, 4].

    Variances that divide by N are joined exactly.
    """
    visits, count = (past[:, i] + now[:, i] for i in (0, 1))
    difference = now[:, 2] - past[:, 2]
    mean = past[:, 2] + difference * now[:, 1] / count
    squares = past[:, 1] * past[:, 3] + now[:, 1] * now[:, 3] + past[:, 1] * now[:, 1] / count * difference**2
    return torch.stack([visits, count, mean, squares / count], dim=1)


def standardised(rewards: Tensor, moments: Tensor) -> Tensor:
    """[B] (R − mean) / deviation, of responses whose `moments` are those of `with_history`; 0 where the deviation is 0."""
    mean, variance = moments[:, 2], moments[:, 3]
    return torch.where(variance > 1e-12, (rewards - mean) / variance.clamp(min=1e-12).sqrt(), 0.0)
