r"""STEER's reward: the last `\boxed{…}` in the last 100 characters of a sample is the gold, character by character.

The rule of the authors' repository, zz-haooo/STEER at b31df71, verl/utils/reward_score/math_dapo.py with
`strict_box_verify=True`, its default there; that is verl's strict-box path. What its evaluation accepts beside it is in
steer_evaluation.py.
"""

from typing import Any

from stages.graders.base import NO_ANSWER, Grade
from stages.graders.dapo import last_strictly_boxed_answer

RULE = "the rule of zz-haooo/STEER b31df71"


def grade(pairs: list[tuple[dict[str, Any], str]]) -> list[Grade]:
    """The gold is `answer` of the problem."""
    return [grade_box(problem["answer"], text) for problem, text in pairs]


def grade_box(gold: str, text: str) -> Grade:
    answer = last_strictly_boxed_answer(text)
    return NO_ANSWER if answer is None else Grade(answer, answer == gold)
