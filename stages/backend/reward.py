"""The reward of training: 1 for a right response, 0 for any other.

`train.reward` names the rule, one of the graders that decide by the text alone. It runs in the process that samples, for
every response as it arrives, so it starts no other.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from stages.graders import by_value, dapo, exact_box, steer
from stages.graders.base import Grade
from stages.lab.expression import evaluate
from stages.lab.problems import CODE_POINTS
from stages.profile.sections.train import Reward
from stages.text.boxed import last_boxed_answer

REWARDS: dict[Reward, Callable[[list[tuple[dict[str, Any], str]]], list[Grade]]] = {
    "by_value": by_value.grade,
    "exact_box": exact_box.grade,
    "math_dapo": dapo.grade,
    "steer_box": steer.grade,
}


class ScoredResponse(NamedTuple):
    """`answer` is the answer as the rule read it; None where it read none."""

    correct: bool
    answer: str | None


def score_response(reward: Reward, data_source: str, response: str, gold: str) -> ScoredResponse:
    """What the rule `reward` says of a response.

    An answer to the laboratory's `lab_code` is an expression of x, and the gold its values at `CODE_POINTS`, separated by
    spaces. No rule for mathematics can compare these, so their values are compared, whatever the reward.
    """
    if data_source == "lab_code":
        answer = last_boxed_answer(response)
        values = None if answer is None else [evaluate(answer, x) for x in CODE_POINTS]
        return ScoredResponse(values == [int(value) for value in gold.split()], answer)
    (grade,) = REWARDS[reward]([({"answer": gold}, response)])
    return ScoredResponse(grade.correct, grade.extracted)
