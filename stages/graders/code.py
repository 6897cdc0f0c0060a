r"""Grades code by running it against a problem's tests in the sandbox.

A laboratory problem's reply ends in a box with an expression of x, `\boxed{(x+3)*2}`. Any other problem's reply holds a
program in its last ```python block or as plain text, and its line says how that is tested:

- `tests` is Python source that raises unless `entry_point` is right (MBPP, HumanEval). If the line has a `prompt`, the
  head of a function with its docstring (HumanEval), the reply may be only what follows it.
- `tests` is a list of {"input", "output", "testtype"}, LiveCodeBench's own: with `stdin` the texts are standard input
  and output; with `functional` the input is one JSON argument a line, the output JSON, and `entry_point` the function
  or method of class `Solution`. The imports that LiveCodeBench puts before a solution stand before it here too.
"""

import json
import re
import textwrap
from typing import Any

from stages.boxes import last_box
from stages.graders.base import NO_ANSWER, Verdict
from stages.graders.programs import run_programs
from stages.graders.sandbox import Program, Result

BLOCK = re.compile(r"```(?:python|py|Python)?[ \t]*\n(.*?)(?:\n```|\Z)", re.DOTALL)
# LiveCodeBench, lcb_runner/evaluation/testing_util.py, `import_string`, at 15808c76
MODULES = (
    "string re datetime collections heapq bisect copy math random statistics itertools functools operator io sys json"
).split()
IMPORTS = "\n".join(
    [f"from {name} import *" for name in [*MODULES, "builtins", "typing"]]
    + [f"import {name}" for name in MODULES]
    + ["sys.setrecursionlimit(50000)"]
)


def grade(pairs: list[tuple[dict[str, Any], str]]) -> list[Verdict]:
    programs = [write_program(problem, reply) for problem, reply in pairs]
    results = iter(run_programs([program for _, program in programs if program]))
    return [NO_ANSWER if program is None else judge(shown, next(results)) for shown, program in programs]


def judge(shown: str, result: Result) -> Verdict:
    status = {"passed": "graded", "failed": "graded", "timeout": "timeout", "broken": "error: sandbox ended"}[
        result.status
    ]
    return Verdict(shown, result.status == "passed", status)


def write_program(problem: dict[str, Any], reply: str) -> tuple[str, Program | None]:
    """(the answer as extracted, the program to run), or ("", None) if the reply holds no answer."""
    name, tests = problem.get("entry_point"), problem["tests"]
    if problem["source"] == "lab":
        expression = last_box(reply)
        if not expression:
            return "", None
        return expression, Program(f"def {name}(x): return {expression}\n", tests, name)
    prompt = problem.get("prompt", "")
    code = extract_code(reply, name if prompt else None)
    if not code.strip():
        return "", None
    if isinstance(tests, list):
        # a function that the imports bring along, such as operator.add, is not the solution's
        imports = f"{IMPORTS}\nglobals().pop({name!r}, None)"
        return code, Program(f"{imports}\n{code}\n", json.dumps(tests), name or "", style=tests[0]["testtype"])
    return code, Program(f"{prompt.rstrip()}\n{code}\n", tests, name, preamble=prompt)


def extract_code(reply: str, name: str | None) -> str:
    """The last fenced block, else the reply; if it does not define `name`, indented as the body of a function.

    Without a name it is a whole program, taken as it stands.

    Plain text that goes on after the body, as base models write it, ends at its first line that is not indented.
    """
    blocks = BLOCK.findall(reply)
    code = blocks[-1] if blocks else reply
    if name is None or re.search(rf"^\s*(?:async\s+)?def\s+{re.escape(name)}\b", code, re.MULTILINE):
        return textwrap.dedent(code)
    if blocks:
        return textwrap.indent(textwrap.dedent(code), "    ")
    lines = code.split("\n")
    body = [lines[0] if lines[0][:1].isspace() or not lines[0] else f"    {lines[0]}"]
    for line in lines[1:]:
        if line.strip() and not line[0].isspace():
            break
        body.append(line)
    return "\n".join(body)
