"""Outcome-based exploration by counts: rare answers to a prompt earn more (arXiv 2509.06941, UCB; second-hand).

    A + c·(b − mean of b over the prompt's other responses),   b = min(1, N(x, a)^−½)

N(x, a) counts how often the answer a was given to the prompt x in earlier steps. The bonus joins the advantage, after
the group's normalisation, which would cancel any baseline of it. A group whose responses are all right gets no bonus,
since a negative one would push right answers down.

Defaults: c is not published. `baseline` replaces the mean (UCB-Mean) by a constant b0 (UCB-Con; the paper's example is
0.5, so that fewer than four visits are rewarded); 0 is the bonus without a baseline (UCB).
Deviations from the paper: the tokens of the final answer, which get no bonus in the paper so that the reasoning before
it is explored, have it here. A response without an answer counts as one answer of its own kind. Its KL penalty is left
out, as for all methods of this bench.
Reduces to GRPO at: coefficient 0.
"""

from collections import Counter

from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.advantages import group_mean, leave_one_out


class OutcomeUcb(rl.Method):
    sources = rl.Sources(
        formula="second-hand", not_published=("coefficient",), left_out=("the exemption of the final answer's tokens",)
    )

    class Settings(rl.Settings):
        coefficient: float = Field(ge=0, description="c, advantage; not published")
        baseline: float | None = Field(None, description="b0; none: the mean over the prompt's other responses")

    settings: Settings

    def advantages(self, responses: rl.Responses) -> Tensor:
        counts = responses.training_step.state["counts"]
        seen = [counts.get(prompt, {}).get(answer, 0) for prompt, answer in outcomes(responses)]
        bonus = responses.rewards.new_tensor([max(n, 1) ** -0.5 for n in seen])
        constant = self.settings.baseline
        extra = leave_one_out(bonus, responses.group) if constant is None else bonus - constant
        solved = group_mean(responses.correct.to(bonus.dtype), responses.group) == 1
        extra = self.settings.coefficient * extra.masked_fill(solved, 0.0)
        return super().advantages(responses) + extra[:, None] * responses.response_mask

    def initial_state(self) -> rl.State:
        return {"counts": {}}

    def update_state(self, responses: rl.Responses, measured: dict[str, float]) -> rl.State:
        counts = dict(responses.training_step.state["counts"])
        for (prompt, answer), n in Counter(outcomes(responses)).items():
            counts[prompt] = {**counts.get(prompt, {}), answer: counts.get(prompt, {}).get(answer, 0) + n}
        return {"counts": counts}


def outcomes(responses: rl.Responses) -> list[tuple[str, str]]:
    """[B] prompt and answer; an answer that is missing is the empty one, which no response can give."""
    return [(prompt, answer or "") for prompt, answer in zip(responses.prompt_id, responses.answer, strict=True)]
