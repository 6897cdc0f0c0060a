r"""Training rewards: whether a response's last `\boxed{}` is right, decided without starting a process.

Evaluation has graders of its own (stages/graders); these have to be fast and exact enough to train on.
"""

import re
from dataclasses import dataclass

from stages.boxes import last_box
from stages.lab.expression import evaluate
from stages.lab.problems import CODE_POINTS


@dataclass(frozen=True)
class Verdict:
    correct: bool
    answer: str | None  # as written in the last box; None without one


def judge(data_source: str, response: str, gold: str) -> Verdict:
    """`lab_code` answers are expressions of x that must take the gold's values; all others must equal the gold."""
    answer = last_box(response)
    if answer is None:
        return Verdict(False, None)
    if data_source == "lab_code":
        values = [evaluate(answer, x) for x in CODE_POINTS]
        return Verdict(values == [int(value) for value in gold.split()], answer)
    return Verdict(normalise(answer) == normalise(gold), answer)


def normalise(answer: str) -> str:
    r"""Without spaces, `$`, `\,`, a final full stop; integers without leading zeros, signs of zero or `.0`."""
    text = re.sub(r"\\[,;!]|\\ |[\s$]", "", answer).removesuffix(".")
    number = re.fullmatch(r"([+-]?)0*(\d+?)(?:\.0+)?", text)
    if not number:
        return text
    sign, digits = number.groups()
    return digits if sign != "-" or digits == "0" else f"-{digits}"
