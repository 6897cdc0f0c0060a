"""STEER's evaluation: its reward's box, or the answer that Qwen2.5-Math's grader reads, is right (stages/graders/qwen).

The rule of the authors' repository, zz-haooo/STEER at b31df71, multi_datasets_eval.py beside that of the reward, with
`eval_method="both"`. Both look at the last 300 characters. What SymPy does not decide within the limit of
stages/graders/workers.py is wrong; the rule has the same limit, ten seconds.
"""

from importlib.metadata import version as installed
from typing import Any

from stages.common.files import InputError
from stages.graders.base import NO_ANSWER, Grade
from stages.graders.qwen.answer import answer_of
from stages.graders.qwen.equality import decided, equal
from stages.graders.steer import RULE, grade_box
from stages.graders.workers import Unfinished, call_in_workers

READ = 300  # characters at the end of a sample, in the evaluation
PINNED = {"sympy": "1.14.0", "latex2sympy2-extended": "1.11.0"}  # they decide which formulas are equal


def version() -> str:
    """InputError if a package that changes grades is not the pinned one."""
    for package, pinned in PINNED.items():
        if installed(package) != pinned:
            raise InputError(f"{package} is {installed(package)}, not {pinned}; rebuild the evaluation environment")
    return ", ".join([RULE, *(f"{package} {pinned}" for package, pinned in PINNED.items())])


def grade(pairs: list[tuple[dict[str, Any], str]]) -> list[Grade]:
    """The gold is `answer` of the problem. Equal tasks are compared once."""
    golds = [problem["answer"] for problem, _ in pairs]
    ends = [text[-READ:] for _, text in pairs]
    boxes = [grade_box(gold, end) for gold, end in zip(golds, ends, strict=True)]
    tasks = [(answer_of(end), gold) for gold, end in zip(golds, ends, strict=True)]
    left = {task for task, boxed in zip(tasks, boxes, strict=True) if not boxed.correct}
    known = {task: decided(*task) for task in left}
    hard = sorted(task for task in left if known[task] is None)
    found = known | dict(zip(hard, call_in_workers(compare, hard, load), strict=True))
    return [boxed if boxed.correct else _grade(task[0], found[task]) for task, boxed in zip(tasks, boxes, strict=True)]


def load() -> None:
    import latex2sympy2_extended  # noqa: F401  takes a second
    import sympy  # noqa: F401


def compare(task: tuple[str, str]) -> bool:
    return equal(*task)


def _grade(answer: str, found: bool | Unfinished | None) -> Grade:
    if isinstance(found, Unfinished):
        return Grade(answer, False, found.status)
    return Grade(answer, bool(found)) if answer or found else NO_ANSWER
