r"""Grades code by running it against a problem's tests in the sandbox.

A laboratory problem's reply ends in a box with an expression of x, `\boxed{(x+3)*2}`. Any other problem is of
HumanEval's kind: its line has the function's head and docstring as `prompt`, and the reply holds the function, or what
follows the docstring, in its last ```python block or as plain text.
"""

import re
import textwrap
from typing import Any

from stages.boxes import last_box
from stages.graders.base import NO_ANSWER, Verdict
from stages.graders.sandbox import Program, Result, run_programs

BLOCK = re.compile(r"```(?:python|py|Python)?[ \t]*\n(.*?)(?:\n```|\Z)", re.DOTALL)


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
    name, tests = problem["entry_point"], problem["tests"]
    if problem["source"] == "lab":
        expression = last_box(reply)
        if not expression:
            return "", None
        return expression, Program(f"def {name}(x): return {expression}\n", tests, name)
    code = extract_code(reply, name)
    if not code.strip():
        return "", None
    prompt = problem["prompt"]
    return code, Program(f"{prompt.rstrip()}\n{code}\n", tests, name, preamble=prompt)


def extract_code(reply: str, name: str) -> str:
    """The last fenced block, else the reply; if it does not define `name`, indented as the body of a function.

    Plain text that goes on after the body, as base models write it, ends at its first line that is not indented.
    """
    blocks = BLOCK.findall(reply)
    code = blocks[-1] if blocks else reply
    if re.search(rf"^\s*(?:async\s+)?def\s+{re.escape(name)}\b", code, re.MULTILINE):
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
