r"""STEER's reward: the last `\boxed{…}` of the reply's last 100 characters is the gold, character by character.

The rule of the authors' repository, zz-haooo/STEER at b31df71, verl/utils/reward_score/math_dapo.py with
`strict_box_verify=True`, its default there; that is verl's strict-box path. The repository's evaluation
(multi_datasets_eval.py, `eval_method="both"`) also accepts what the grader of Qwen2.5-Math's toolkit accepts: scores
that it reports are therefore at least those of this rule.
"""

from typing import Any

from stages.graders.base import NO_ANSWER, Verdict
from stages.graders.dapo import last_strict_box


def grade(pairs: list[tuple[dict[str, Any], str]]) -> list[Verdict]:
    boxes = [(problem, last_strict_box(reply)) for problem, reply in pairs]
    return [NO_ANSWER if box is None else Verdict(box, box == problem["answer"]) for problem, box in boxes]
