"""DCPO: clip bounds that widen for unlikely tokens, advantages smoothed over visits (arXiv 2509.02333 §2, §3).

    r between 0.5 + 0.5·√max(1 − 4ε_low/q, 0) and min(0.5 + 0.5·√(1 + 4ε_high/q), 10),   q the old probability

At the i-th visit of a prompt, with A_cur normalised within the group and A_total over all its responses so far:

    of (i−1)/i·A_cur + 1/i·A_total  and  1/i·A_cur + (i−1)/i·A_total  the one with the smaller absolute value

so a group of equal rewards has a signal once its prompt has a history.

Defaults: ε 0.16/0.2, largest ratio 10 for both signs of A, which for A<0 is the dual clip c (§A.9; the released script
sets 0.2/0.28 and caps the ratio at max(c, 10)). Deviations divide by N (eq. 30), without epsilon; one of 0 makes its
part 0 (released code). Each response's tokens are averaged first (§3.1, "only token mean").
Deviations from the paper: these averages are summed over the responses in the paper and averaged here, a constant
factor. The released code's "only-token-mean" computes the mean over all tokens: to reproduce the released runs set
`aggregation: token-mean`.
Reduces to GRPO at: no setting; the bounds depend on q.
"""

import torch
from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.advantages import group_size, group_sum
from stages.rl.aggregation import Aggregation


class Dcpo(rl.Method):
    class Settings(rl.Settings):
        clip_ratio_low: float = Field(0.16, ge=0, description="ε_low; 2509.02333 §A.9")
        clip_ratio_high: float = Field(0.2, ge=0, description="ε_high; 2509.02333 §A.9")
        dual_clip: float | None = Field(10.0, gt=1, description="c; 2509.02333 §A.9")
        aggregation: Aggregation = Field("seq-mean-token-mean", description="of token losses; 2509.02333 §3.1")

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
        history = responses.training_step.state["history"]
        past = rewards.new_tensor([history.get(name, [0, 0, 0.0, 0.0]) for name in responses.prompt_id])
        now = torch.stack([group_size(group).double(), group_sum(rewards, group), group_sum(rewards**2, group)], dim=1)
        current, cumulative = standardised(rewards, now), standardised(rewards, now + past[:, 1:])
        visit = past[:, 0] + 1
        late = (visit - 1) / visit * current + cumulative / visit
        early = current / visit + (visit - 1) / visit * cumulative
        smoothed = torch.where(late.abs() < early.abs(), late, early).to(responses.rewards.dtype)
        return smoothed[:, None] * responses.response_mask

    def initial_state(self) -> rl.State:
        return {"history": {}}

    def update_state(self, responses: rl.Responses, measured: dict[str, float]) -> rl.State:
        """Per prompt: visits, responses, sum and sum of squares of their rewards."""
        history = dict(responses.training_step.state["history"])
        rewards = self.rewards(responses).double()
        for name in dict.fromkeys(responses.prompt_id):
            own = rewards[torch.tensor([prompt == name for prompt in responses.prompt_id])]
            visits, count, total, squares = history.get(name, [0, 0, 0.0, 0.0])
            history[name] = [visits + 1, count + len(own), total + own.sum().item(), squares + (own**2).sum().item()]
        return {"history": history}


def standardised(rewards: Tensor, sums: Tensor) -> Tensor:
    """[B] (R − mean) / std, of responses whose number, sum and sum of squares are `sums` [B, 3]; 0 where std is 0."""
    count, total, squares = sums.unbind(1)
    mean = total / count
    variance = squares / count - mean**2
    return torch.where(variance > 1e-12, (rewards - mean) / variance.clamp(min=1e-12).sqrt(), 0.0)
