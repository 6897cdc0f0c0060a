"""Outcome-based exploration by counts: rare answers to a prompt earn more (arXiv 2509.06941, UCB; second-hand).

    A + c·(b − mean of b over the batch),   b = min(1, N(x, a)^−½)

N(x, a) counts how often the answer a was given to the prompt x in earlier steps.

Defaults: c is not published. `baseline` replaces the batch's mean by a constant b0 (UCB-Con), not published either.
Departures: a response without an answer counts as one answer of its own kind.
Neutral setting: coefficient 0 is GRPO.
"""

from collections import Counter

from torch import Tensor

from stages.methods import base


class OutcomeUcb(base.Method):
    class Settings(base.Settings):
        coefficient: float = base.Field(ge=0, description="c, advantage; not published")
        baseline: float | None = base.Field(None, description="b0; none: the batch's mean")

    def advantages(self, responses: base.Responses) -> Tensor:
        counts = responses.progress.state["counts"]
        seen = [
            counts.get(prompt, {}).get(str(answer), 0)
            for prompt, answer in zip(responses.prompt_id, responses.answer, strict=True)
        ]
        bonus = responses.rewards.new_tensor([min(1.0, max(n, 1) ** -0.5) for n in seen])
        baseline = bonus.mean() if self.settings.baseline is None else self.settings.baseline
        extra = self.settings.coefficient * (bonus - baseline)
        return super().advantages(responses) + extra[:, None] * responses.response_mask

    def initial_state(self) -> base.State:
        return {"counts": {}}

    def next_state(self, responses: base.Responses, measured: dict[str, float]) -> base.State:
        counts = dict(responses.progress.state["counts"])
        for (prompt, answer), n in Counter(zip(responses.prompt_id, map(str, responses.answer), strict=True)).items():
            counts[prompt] = {**counts.get(prompt, {}), answer: counts.get(prompt, {}).get(answer, 0) + n}
        return {"counts": counts}
