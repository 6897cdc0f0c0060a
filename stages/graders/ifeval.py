"""Whether a sample follows each instruction of an IF-Eval prompt (Zhou et al., arXiv 2311.07911, appendix A).

The checks are EvalScope's copy of the authors' (evalscope/benchmarks/ifeval). `strict` judges the sample as it stands.
`loose` also accepts an instruction that is followed once the first line, the last line, both, or all asterisks are taken
away. A sample is correct if it follows every instruction; `parts` says which it follows. An empty sample follows none.

Sentences are found with NLTK's Punkt for English, whose parameters are a file of data/sources.yaml, `punkt_tab`. The
language of a text is langdetect's guess, with the seed that EvalScope sets.

A line of the benchmark has `instructions`, each with its `name` and its `arguments`; `files` is the folder that holds the
files of graders. The checks are regular expressions over a text of any length, so they run in workers.py.
"""

import json
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any, NamedTuple

from stages.common.files import InputError
from stages.graders.base import NO_ANSWER, Grade
from stages.graders.workers import Unfinished, call_in_workers

PINNED = {"evalscope": "1.14.1", "nltk": "3.10.4", "langdetect": "1.0.9"}  # each decides what is followed
NLTK_DATA = "packages"  # below `files`: where NLTK's repository has its data, and so its copy here
PUNKT = "tokenizers/punkt_tab.zip"


class Task(NamedTuple):
    """Everything that a grade depends on. `instructions` is the JSON of the line's list."""

    prompt: str
    instructions: str
    text: str
    files: str
    loose: bool


def version() -> str:
    """InputError if a package that changes grades is not the pinned one."""
    for package, pinned in PINNED.items():
        if installed(package) != pinned:
            raise InputError(f"{package} is {installed(package)}, not {pinned}; rebuild the evaluation environment")
    return ", ".join(f"{package} {pinned}" for package, pinned in PINNED.items())


def strict(pairs: list[tuple[dict[str, Any], str]]) -> list[Grade]:
    """InputError if an instruction is none of IF-Eval's, or lacks an argument."""
    return _grade(pairs, loose=False)


def loose(pairs: list[tuple[dict[str, Any], str]]) -> list[Grade]:
    """InputError as of `strict`."""
    return _grade(pairs, loose=True)


def _grade(pairs: list[tuple[dict[str, Any], str]], loose: bool) -> list[Grade]:
    """Equal tasks are judged once."""
    tasks = [_task(problem, text, loose) for problem, text in pairs]
    different = list(dict.fromkeys(tasks))
    found = dict(zip(different, call_in_workers(check, different, load), strict=True))
    return [_judged(task, found[task]) for task in tasks]


def _task(problem: dict[str, Any], text: str, loose: bool) -> Task:
    for field in ("instructions", "files"):
        if not problem.get(field):
            raise InputError(f"problem {problem.get('id')}: {field} is missing; run stage prepare again")
    if not (Path(problem["files"]) / NLTK_DATA / PUNKT).is_file():
        raise InputError(f"{problem['files']}/{NLTK_DATA}/{PUNKT} is missing; run stage prepare again")
    return Task(problem["problem"], json.dumps(problem["instructions"]), text, problem["files"], loose)


def _judged(task: Task, found: list[bool] | Unfinished) -> Grade:
    if isinstance(found, Unfinished):
        return Grade(task.text, False, found.status, (False,) * len(json.loads(task.instructions)))
    if not task.text.strip():
        return NO_ANSWER._replace(parts=tuple(found))
    return Grade(task.text, all(found), "graded", tuple(found))


def load() -> None:
    from evalscope.benchmarks.ifeval import instructions_util  # takes three seconds
    from langdetect import detector_factory

    detector_factory.init_factory()  # reads the profiles of all languages, which are no part of the first call's time
    # It looks for Punkt unpacked, and would fetch it from the network; NLTK itself reads the archive.
    instructions_util.check_nltk_data = lambda name: None


def check(task: Task) -> list[bool]:
    """Whether each instruction is followed, without any limit of time: call it in a worker."""
    import nltk
    from evalscope.benchmarks.ifeval import utils

    names, arguments = zip(*((one["name"], one["arguments"]) for one in json.loads(task.instructions)), strict=True)
    for name, given in zip(names, arguments, strict=True):
        refuse_unless_complete(name, given)
    nltk.data.path[:] = [str(Path(task.files).absolute() / NLTK_DATA)]  # and no other copy that a machine may have
    example = utils.InputExample(0, list(names), task.prompt, list(arguments))
    rule = utils.test_instruction_following_loose if task.loose else utils.test_instruction_following_strict
    return rule(example, task.text).follow_instruction_list


def refuse_unless_complete(name: str, arguments: dict[str, Any]) -> None:
    """InputError where EvalScope would draw an argument at random: it does for one that is missing, and for 0."""
    from evalscope.benchmarks.ifeval.instructions_registry import INSTRUCTION_DICT

    if name not in INSTRUCTION_DICT:
        raise InputError(f"IF-Eval has no instruction {name!r}; correct the line's `instructions`")
    for argument in INSTRUCTION_DICT[name](name).get_instruction_args_keys():
        if not arguments.get(argument):
            raise InputError(f"instruction {name}: argument {argument} is missing; correct the line's `instructions`")
