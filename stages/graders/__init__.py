"""The registry of graders. `python -m stages.graders <name>` grades lines from standard input.

    base           Grade and Grader
    exact_box      the last boxed answer is the gold as text
    math_verify    two spellings of one value are one answer (stages/answers); what that cannot read, math-verify may, in workers.py
    dapo, steer    the rules by which two papers score, kept as their code has them
    code           a program passes the problem's tests
    programs       many programs, in a few sandboxes side by side
    sandbox        one bubblewrap sandbox; availability.py says whether it holds here, seccomp.py what it refuses,
                   memory.py how much its programs hold
    inside/        what runs in the sandbox: a supervisor with the tests, a worker with the program

To add one, write a module with a function `grade` and enter it here: docs/development.md, “Add a grader”. What is slow
to import is imported when it grades.
"""

from stages.graders import availability, code, dapo, exact_box, math_verify, steer
from stages.graders.base import Grader

GRADERS = {
    "exact_box": Grader(exact_box.grade, lambda: "1"),
    "math_dapo": Grader(dapo.grade, lambda: "the rule of verl 0.9.1"),
    "math_verify": Grader(math_verify.grade, math_verify.version),
    "sandbox": Grader(code.grade, availability.version, availability.available),
    "steer_box": Grader(steer.grade, lambda: "the rule of zz-haooo/STEER b31df71"),
}
