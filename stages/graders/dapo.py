r"""The rule by which verl scores DAPO's training data: what follows "Answer:", else the boxed answer, as text.

This is `compute_score` of verl 0.9.1, verl/utils/reward_score/math_dapo.py (Apache-2.0). Its normalisation is Minerva's
(Lewkowycz et al. 2022, appendix D.1, by way of lm-evaluation-harness). verl itself is not in the evaluation
environment; a test compares the two.

"Answer:" counts in the last 300 characters of a sample. Without it the last `\boxed{…}` in the last 100 characters
counts, and is not normalised; the verl 0.4.1.dev in STEER's repository does not look for that. Answers are compared as
text: `033` is not `33`, and `0.5` is not `\frac{1}{2}`.
"""

import re
from typing import Any

from stages.graders.base import NO_ANSWER, Grade

READ, READ_FOR_BOXED = 300, 100  # characters at the end of a sample
ANSWER = re.compile(r"(?i)Answer\s*:\s*([^\n]+)")
REPLACED = [
    ("an ", ""), ("a ", ""), (".$", "$"), ("\\$", ""), ("\\ ", ""), (" ", ""), ("mbox", "text"),
    (",\\text{and}", ","), ("\\text{and}", ","), ("\\text{m}", "\\text{}"),
]  # fmt: skip
REMOVED = [
    "square", "ways", "integers", "dollars", "mph", "inches", "hours", "km", "units", "\\ldots", "sue", "points",
    "feet", "minutes", "digits", "cents", "degrees", "cm", "gm", "pounds", "meters", "meals", "edges", "students",
    "childrentickets", "multiples", "\\text{s}", "\\text{.}", "\\text{\ns}", "\\text{}^2", "\\text{}^3", "\\text{\n}",
    "\\text{}", "\\mathrm{th}", "^\\circ", "^{\\circ}", "\\;", ",\\!", "{,}", '"', "\\dots",
]  # fmt: skip
REWRITTEN = [
    (r"(.*?)(\$)(.*?)(\$)(.*)", r"$\3$"),  # what stands between dollars
    (r"(\\text\{)(.*?)(\})", r"\2"),
    (r"(\\textbf\{)(.*?)(\})", r"\2"),
    (r"(\\overline\{)(.*?)(\})", r"\2"),
    (r"(\\boxed\{)(.*)(\})", r"\2"),
    (r"(frac)([^{])(.)", r"frac{\2}{\3}"),
    (r"(sqrt)([^{])", r"sqrt{\2}"),
]


def grade(pairs: list[tuple[dict[str, Any], str]]) -> list[Grade]:
    """The gold is `answer` of the problem."""
    return [_grade(problem["answer"], text) for problem, text in pairs]


def _grade(gold: str, text: str) -> Grade:
    if found := ANSWER.findall(text[-READ:]):
        answer = minerva_normal_form(found[-1])
        return Grade(answer, answer == minerva_normal_form(gold))
    boxed = last_strictly_boxed_answer(text)
    return NO_ANSWER if boxed is None else Grade(boxed, boxed == gold)


def minerva_normal_form(answer: str) -> str:
    """Without units, spaces, dollars and text commands; of an equation only what follows the last `=`."""
    text = answer.split("=")[-1]
    for before, after in [*REPLACED, *((word, "") for word in REMOVED)]:
        text = text.replace(before, after)
    for pattern, replacement in REWRITTEN:
        text = re.sub(pattern, replacement, text)
    text = text.replace("$", "")
    if text.replace(",", "").isdigit():
        text = text.replace(",", "")
    return text.strip()


def last_strictly_boxed_answer(text: str) -> str | None:
    r"""What stands in the last `\boxed{…}` that begins in the last 100 characters, to the character; braces nest.

    Unlike stages.text.boxed.last_boxed_answer it knows neither `\fbox` nor escaped braces, and it strips nothing.
    """
    _, opening, rest = text[-READ_FOR_BOXED:].rpartition("\\boxed{")
    depth = 1
    for position, character in enumerate(rest if opening else ""):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return rest[:position]
    return None
