"""Name -> grader. Not in the package itself: training takes its reward from some of the modules, and is not run again for the
others.
"""

from stages.graders import availability, by_value, code, dapo, exact_box, ifeval, math_verify, steer, steer_evaluation
from stages.graders.base import Grader

GRADERS = {
    "by_value": Grader(by_value.grade, lambda: "stages/answers"),
    "exact_box": Grader(exact_box.grade, lambda: "1"),
    "ifeval_loose": Grader(ifeval.loose, ifeval.version),
    "ifeval_strict": Grader(ifeval.strict, ifeval.version),
    "math_dapo": Grader(dapo.grade, lambda: "the rule of verl 0.9.1"),
    "math_verify": Grader(math_verify.grade, math_verify.version),
    "sandbox": Grader(code.grade, availability.version, availability.available),
    "steer_box": Grader(steer.grade, lambda: steer.RULE),
    "steer_box_or_qwen_math": Grader(steer_evaluation.grade, steer_evaluation.version),
}
