r"""STEER's reward: the last `\boxed{…}` in the last 100 characters of a sample is the gold, character by character.

The rule of the authors' repository, zz-haooo/STEER at b31df71, verl/utils/reward_score/math_dapo.py with
`strict_box_verify=True`, its default there; that is verl's strict-box path. The repository's evaluation
(multi_datasets_eval.py, `eval_method="both"`) also accepts what the grader of Qwen2.5-Math's toolkit accepts, so the
scores that it reports are at least those of this rule.
"""

from typing import Any

from stages.graders.base import NO_ANSWER, Grade
from stages.graders.dapo import last_strictly_boxed_answer


def grade(pairs: list[tuple[dict[str, Any], str]]) -> list[Grade]:
    """The gold is `answer` of the problem."""
    return [_grade(problem["answer"], text) for problem, text in pairs]


def _grade(gold: str, text: str) -> Grade:
    answer = last_strictly_boxed_answer(text)
    return NO_ANSWER if answer is None else Grade(answer, answer == gold)
