r"""Grades code by running it against a problem's tests in the sandbox.

A sample for a laboratory problem ends in a boxed expression of x, `\boxed{(x+3)*2}`. A sample for any other problem
holds a program, which `extract_code` finds. The problem's line says how the program is tested:

- `tests` is Python source that raises unless `entry_point` is right (MBPP, HumanEval). If the line has a `prompt`, the
  head of a function with its docstring (HumanEval), the sample may hold only the function's body. What the sample does
  with the function (`without_use`) is not run.
- `tests` is a list of {"input", "output", "testtype"}, as in LiveCodeBench. With testtype `stdin`, input and output are
  the texts of standard input and output. With `functional`, the input is one JSON argument a line, the output is JSON,
  and `entry_point` is a method of class `Solution` or a function. The imports that LiveCodeBench puts before a solution
  stand before it here too.
- `limits` are those of the benchmark and of the problem (stages/benchmarks/base.py); without them the protective ones hold.
"""

import ast
import json
import re
import textwrap
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

from stages.benchmarks.base import PROTECTIVE
from stages.graders.base import NO_ANSWER, Grade
from stages.graders.programs import run_programs
from stages.graders.sandbox import Program, Result, numpy_folder
from stages.text.boxed import last_boxed_answer
from stages.text.code_blocks import Block, before_first_fence, code_blocks, without_thought

# LiveCodeBench, lcb_runner/evaluation/testing_util.py, `import_string`, at 15808c76
MODULES = [
    "string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics", "itertools",
    "functools", "operator", "io", "sys", "json",
]  # fmt: skip
IMPORTS = "\n".join(
    [f"from {name} import *" for name in [*MODULES, "builtins", "typing"]]
    + [f"import {name}" for name in MODULES]
    + ["sys.setrecursionlimit(50000)"]
)
STATUSES = {"passed": "graded", "failed": "graded", "timeout": "timeout", "broken": "error: sandbox ended"}
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
NUMPY = re.compile(r"^\s*(?:import|from)\s+numpy\b", re.MULTILINE)
# How a program gets at standard input: by a call of one of these, or by naming the stream.
READING_CALLS = {"input", "open", "fdopen"}
STREAMS = {"stdin", "fileinput"}
FIRST_LINE = re.compile(r"(?:import|from|def|class|async def|if __name__)\b|@|[A-Za-z_]\w*(?:\s*,\s*\w+)*\s*=[^=]")


def grade(pairs: list[tuple[dict[str, Any], str]]) -> list[Grade]:
    """Raises InputError where there is no sandbox."""
    written = [write_program(problem, text) for problem, text in pairs]
    results = iter(run_programs([program for _, program in written if program]))
    return [NO_ANSWER if program is None else to_grade(answer, program, next(results)) for answer, program in written]


def to_grade(answer: str, program: Program, result: Result) -> Grade:
    """A limit that ended a program is the status `limit: <name>`; a program that lacked numpy here was not judged."""
    if result.status == "failed" and NUMPY.search(program.solution) and numpy_folder() is None:
        return Grade(answer, False, "error: no numpy for the sandbox")
    if result.limit:
        return Grade(answer, False, f"limit: {result.limit}")
    return Grade(answer, result.status == "passed", STATUSES[result.status])


def write_program(problem: dict[str, Any], text: str) -> tuple[str, Program | None]:
    """The answer as it stands in the sample, and the program to run; ("", None) if the sample holds no answer."""
    name, tests = problem.get("entry_point") or "", problem["tests"]
    if problem["source"] == "lab":
        expression = last_boxed_answer(text)
        if not expression:
            return "", None
        return expression, Program(f"def {name}(x): return {expression}\n", tests, name)
    prompt, limits = problem.get("prompt", ""), tuple(sorted({**PROTECTIVE, **problem.get("limits", {})}.items()))
    functional = isinstance(tests, list) and tests[0]["testtype"] == "functional"
    code = extract_code(text, name, prompt, methods=functional)
    if not code.strip():
        return "", None
    if isinstance(tests, list):
        # a function that the imports bring along, such as operator.add, is not the solution's
        imports = f"{IMPORTS}\nglobals().pop({name!r}, None)"
        program = Program(
            f"{joined(imports, code)}\n", json.dumps(tests), name, style=tests[0]["testtype"], limits=limits
        )
        return code, program
    solution = joined(prompt.rstrip(), without_use(code, name))
    return code, Program(f"{solution}\n", tests, name, preamble=prompt, limits=limits)


def joined(before: str, code: str) -> str:
    """`code` after `before`, with its imports from __future__ first, where alone they may stand."""
    tree = parsed(code)
    futures = (
        [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"] if tree else []
    )
    if not futures:
        return f"{before}\n{code}"
    lines = code.encode().split(b"\n")
    for node in futures:
        last = (node.end_lineno or node.lineno) - 1
        rest = lines[last][node.end_col_offset :]
        lines[node.lineno - 1 : last + 1] = [b""] * (last + 1 - node.lineno) + [b"pass" + rest]
    first = "".join(f"{ast.unparse(node)}\n" for node in futures)
    remaining = b"\n".join(lines).decode()
    return f"{first}{before}\n{remaining}"


def extract_code(text: str, name: str, prompt: str = "", methods: bool = False) -> str:
    """The program of a sample: its last block that compiles and defines what is asked, else its last Python block.

    Asked is the function `name` (with `methods`, also a method of class `Solution`); without a name, a program that reads
    standard input. With `prompt`, the head of that function, a block may also be the function's body. Without any block
    the whole sample counts, from its first line of code if words stand before it. Of a body outside a block only what is
    indented counts, since base models go on writing after it. A sample that begins inside a block, since its prompt
    opened one, counts up to the fence that closes it.
    """
    blocks = [block._replace(code=textwrap.dedent(block.code)) for block in code_blocks(text, compiles)]
    beginning = before_first_fence(text)
    candidates = [*([Block("", textwrap.dedent(beginning))] if beginning else []), *blocks]
    for block in reversed(candidates):
        if defines(block.code, name, methods):
            return block.code
    if prompt and (body := _body_in(candidates, prompt)):
        return body
    if not blocks:
        return _without_blocks(without_thought(text), name, prompt, methods)
    labelled = [block for block in blocks if block.is_python] or [block for block in blocks if not block.language]
    code = (labelled or blocks)[-1].code
    return textwrap.indent(code, "    ") if prompt and not re.search(rf"\bdef\s+{re.escape(name)}\b", code) else code


def _body_in(blocks: list[Block], prompt: str) -> str:
    """The last block that completes `prompt` as the body of its function and returns something, "" if none does."""
    for block in reversed(blocks):
        body = textwrap.indent(block.code, "    ")
        if (block.is_python or not block.language) and "return" in body and compiles(f"{prompt.rstrip()}\n{body}"):
            return body
    return ""


def _without_blocks(text: str, name: str, prompt: str, methods: bool) -> str:
    text = text.strip("\n")
    whole = textwrap.dedent(text)
    if defines(whole, name, methods):
        return whole
    for code in _runs_of_code(whole):
        if defines(code, name, methods):
            return code
    if prompt and not re.search(rf"^def\s+{re.escape(name)}\b", whole, re.MULTILINE):
        return _body(text)
    return whole if compiles(whole) else text


def _runs_of_code(text: str) -> Iterator[str]:
    """The longest pieces of `text` that compile, from each line that begins like one of a program."""
    lines, start = text.split("\n"), 0
    while start < len(lines):
        end = len(lines) if FIRST_LINE.match(lines[start]) else start
        while end > start and (error := _syntax_error("\n".join(lines[start:end]))):
            end = start + min(error, end - start) - 1
        if end > start:
            yield "\n".join(lines[start:end])
        start = max(end, start + 1)


def _body(text: str) -> str:
    lines = text.split("\n")
    body = [lines[0] if lines[0][:1].isspace() or not lines[0] else f"    {lines[0]}"]
    for line in lines[1:]:
        if line.strip() and not line[0].isspace():
            break
        body.append(line)
    return "\n".join(body)


def without_use(code: str, name: str) -> str:
    """`code` without the statements, outside of functions and classes, that only use the function `name`.

    They call it, read standard input, end the program, or need what such a statement has set: examples, asserts, a
    dialogue. EvalPlus's `sanitize` leaves out all that is neither definition nor import; here a statement that prepares
    the function stays.
    """
    tree = parsed(code)
    if tree is None or name not in _names(tree.body):
        return code
    others = [node for node in tree.body if not _defines_any(node) and name not in _sets(node)]
    sets = {node: _sets(node) for node in others}
    kept = Counter(found for node in others for found in sets[node])
    uses: dict[ast.stmt, None] = {}
    missing: set[str] = set()  # names that only uses have set
    for node in others:
        called, needed = _called_and_needed(node)
        if called & {name, "input", "exit", "quit"} or (needed - sets[node]) & missing:
            uses[node] = None
            kept.subtract(sets[node])
            missing |= {found for found in sets[node] if not kept[found]}
    lines = code.encode().split(b"\n")
    for node in reversed(uses):
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        kept_line = lines[first][: node.col_offset] + b"pass" + lines[last][node.end_col_offset :]
        lines[first : last + 1] = [kept_line, *[b""] * (last - first)]
    return b"\n".join(lines).decode()


def _called_and_needed(node: ast.stmt) -> tuple[set[str], set[str]]:
    """What runs at once, so not inside of a lambda: the names of functions and methods called, and of values read."""
    called, needed = set(), set()
    pending: list[ast.AST] = [node]
    while pending:
        one = pending.pop()
        if isinstance(one, ast.Call):
            called.add(_called(one))
        elif isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load):
            needed.add(one.id)
        if not isinstance(one, ast.Lambda):
            pending += ast.iter_child_nodes(one)
    return called, needed


def _defines_any(node: ast.stmt) -> bool:
    return any(isinstance(one, DEFINITIONS) for one in ast.walk(node))


def _sets(node: ast.stmt) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}


def defines(code: str, name: str, methods: bool) -> bool:
    """Whether `code` compiles and defines the function `name`, or, without a name, reads standard input."""
    tree = parsed(code)
    if tree is None:
        return False
    if not name:
        return any(_reads(node) for node in ast.walk(tree))
    found = _names(tree.body)
    return name in found or (methods and name in _methods("Solution", found))


def _methods(name: str, found: dict[str, ast.AST]) -> set[str]:
    """Of the class `name` and of those of its bases that are among `found`."""
    node = found.get(name)
    if not isinstance(node, ast.ClassDef):
        return set()
    others = {key: value for key, value in found.items() if key != name}
    bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
    return {*_names(node.body)}.union(*(_methods(base, others) for base in bases))


def _names(body: list[ast.stmt]) -> dict[str, ast.AST]:
    """What statements give a name to, also under `if`, `try` and `with`."""
    found: dict[str, ast.AST] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            found |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name: node for alias in node.names}
        elif isinstance(node, ast.If | ast.Try | ast.With):
            found |= _names([inner for part in ("body", "orelse", "finalbody") for inner in getattr(node, part, [])])
    return found


def _reads(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return _called(node) in READING_CALLS
    if isinstance(node, ast.Name | ast.Attribute):
        return (node.id if isinstance(node, ast.Name) else node.attr) in STREAMS
    return isinstance(node, ast.alias) and node.name.rpartition(".")[2] in STREAMS


def _called(call: ast.Call) -> str:
    """The name of the function or method, "" where the call has none."""
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def compiles(code: str) -> bool:
    return parsed(code) is not None


def parsed(code: str) -> ast.Module | None:
    """None where `code` is not whole Python, or holds nothing."""
    if not code.strip() or _syntax_error(code) is not None:
        return None
    with warnings.catch_warnings(action="ignore"):
        return ast.parse(code)


def _syntax_error(code: str) -> int | None:
    """The line of the first error, from 1; None if there is none."""
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(code, "solution", "exec", dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 1
    except (ValueError, RecursionError, MemoryError, OverflowError):  # a null byte, lone surrogates, too much nesting
        return 1
    return None
