"""Outcome-based exploration within the batch: answers that repeat earn less (arXiv 2509.06941, Batch; second-hand).

    A − c·(1/n)·#{j ≠ i: a_j = a_i}   over the n responses to the prompt

Defaults: c is not published.
Deviations from the paper: as with `outcome_ucb`, the paper may spare groups that are all right and the final answer's
tokens; what was read says so of the other method only. Responses without an answer count as having the same one.
Reduces to GRPO at: coefficient 0.
"""

from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.advantages import group_size


class OutcomeBatch(rl.Method):
    sources = rl.Sources(formula="second-hand", not_published=("coefficient",))

    class Settings(rl.Settings):
        coefficient: float = Field(ge=0, description="c, advantage; not published")

    settings: Settings

    def advantages(self, responses: rl.Responses) -> Tensor:
        keys = list(zip(responses.group.tolist(), responses.answer, strict=True))
        repeats = responses.rewards.new_tensor([keys.count(key) - 1 for key in keys])
        penalty = self.settings.coefficient * repeats / group_size(responses.group)
        return super().advantages(responses) - penalty[:, None] * responses.response_mask
