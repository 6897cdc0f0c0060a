"""Graders by name. A new one is a module with a `Grader` entered here; nothing heavy is imported before it grades."""

from stages.graders import availability, boxed, code, dapo, math_verify, steer
from stages.graders.base import Grader

GRADERS = {
    "exact_box": Grader(boxed.grade, lambda: "1"),
    "math_dapo": Grader(dapo.grade, lambda: "the rule of verl 0.9.1"),
    "math_verify": Grader(math_verify.grade, math_verify.version),
    "sandbox": Grader(code.grade, availability.version, availability.available),
    "steer_box": Grader(steer.grade, lambda: "the rule of zz-haooo/STEER b31df71"),
}
