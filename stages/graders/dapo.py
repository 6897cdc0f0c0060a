r"""The rule by which verl scores DAPO's training data: "Answer: …", else a last box, compared as text.

The rule of `compute_score` in verl 0.9.1, verl/utils/reward_score/math_dapo.py (Apache-2.0), whose normalisation is
Minerva's (Lewkowycz et al. 2022, appendix D.1, by way of lm-evaluation-harness). verl itself is not in the evaluation
environment; a test compares the two. What it takes to be right here is narrow: the answer has to stand in the reply's
last 300 characters, `033` is not `33`, `0.5` is not `\frac{1}{2}`. Without "Answer:" the last `\boxed{…}` within the
last 100 characters counts, unnormalised; the verl 0.4.1.dev in STEER's repository has no such second chance.
"""

import re
from typing import Any

from stages.graders.base import NO_ANSWER, Verdict

READ, READ_FOR_BOX = 300, 100  # characters at the end of the reply
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


def grade(pairs: list[tuple[dict[str, Any], str]]) -> list[Verdict]:
    return [_judge(reply, problem["answer"]) for problem, reply in pairs]


def _judge(reply: str, gold: str) -> Verdict:
    if found := ANSWER.findall(reply[-READ:]):
        answer = normalise(found[-1])
        return Verdict(answer, answer == normalise(gold))
    box = last_strict_box(reply)
    return NO_ANSWER if box is None else Verdict(box, box == gold)


def normalise(answer: str) -> str:
    """Without units, spaces, dollars and text commands; of an equation the last side."""
    text = answer.split("=")[-1]
    for before, after in [*REPLACED, *((word, "") for word in REMOVED)]:
        text = text.replace(before, after)
    for pattern, replacement in REWRITTEN:
        text = re.sub(pattern, replacement, text)
    text = text.replace("$", "")
    if text.replace(",", "").isdigit():
        text = text.replace(",", "")
    return text.strip()


def last_strict_box(reply: str) -> str | None:
    r"""What stands in the last `\boxed{…}` that begins in the last 100 characters, to the character; braces nest.

    Unlike stages.boxes.last_box it knows neither `\fbox` nor escaped braces, and it strips nothing.
    """
    _, opening, rest = reply[-READ_FOR_BOX:].rpartition("\\boxed{")
    depth = 1
    for position, character in enumerate(rest if opening else ""):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return rest[:position]
    return None
