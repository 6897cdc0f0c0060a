r"""The reward of training: 1 for a correct response, 0 for any other.

It is decided from the text of the last `\boxed{}`, without starting a process: rewards have to be fast. Evaluation has
graders of its own (stages/graders).
"""

from typing import NamedTuple

from stages.lab.expression import evaluate
from stages.lab.problems import CODE_POINTS
from stages.text.answers import normalise_answer
from stages.text.boxed import last_boxed_answer


class ScoredResponse(NamedTuple):
    """`answer` is the boxed answer as written; None without one."""

    correct: bool
    answer: str | None


def score_response(data_source: str, response: str, gold: str) -> ScoredResponse:
    """Correct if the boxed answer equals the gold once both are normalised.

    For `lab_code` the answer is an expression of x and the gold its values at `CODE_POINTS`, separated by spaces.
    """
    answer = last_boxed_answer(response)
    if answer is None:
        return ScoredResponse(False, None)
    if data_source == "lab_code":
        values = [evaluate(answer, x) for x in CODE_POINTS]
        return ScoredResponse(values == [int(value) for value in gold.split()], answer)
    return ScoredResponse(normalise_answer(answer) == normalise_answer(gold), answer)
