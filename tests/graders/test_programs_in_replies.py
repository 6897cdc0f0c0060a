"""Which program of a reply is graded, however it is fenced; and that it runs as the benchmark's own harness would run it."""

import json

import pytest

from stages.graders import availability
from stages.graders.code import extract_code, joined, write_program
from stages.graders.registry import GRADERS
from stages.text.code_blocks import code_blocks

pytestmark = pytest.mark.processes

REASON = availability.available()
needs_sandbox = pytest.mark.skipif(REASON is not None, reason=str(REASON))
FENCE = "`" * 3
TILDES = "~" * 3
RIGHT = "a, b = map(int, input().split())\nprint(a + b)"
WRONG = "a, b = map(int, input().split())\nprint(a - b)"
INDENTED = "\n".join(f"   {line}" for line in RIGHT.split("\n"))


def block(code, label="python"):
    return f"{FENCE}{label}\n{code}\n{FENCE}"


REPLIES = {
    **{f"label {label}": block(RIGHT, label) for label in (
        "python", "python3", "py", "py3", "PYTHON", "Python", "python3.11", "pypy3", "{.python}", "{python}", " python",
        "{.python .numberLines startFrom=1}", 'python title="main.py"', "python {linenos=true}", "python:main.py", "",
    )},
    "CR LF": f"So:\n{block(RIGHT)}\nDone.".replace("\n", "\r\n"),
    "CR": block(RIGHT).replace("\n", "\r"),
    "tildes": f"{TILDES}python\n{RIGHT}\n{TILDES}",
    "four backticks": f"`{block(RIGHT)}`",
    "never closed": f"So:\n{FENCE}python\n{RIGHT}",
    "closed by a longer fence": f"{block(RIGHT)}``",
    "closed at the end of a line": f"{FENCE}python\n{RIGHT}{FENCE}",
    "indented in a list": f"1. So:\n\n   {FENCE}python\n{INDENTED}\n   {FENCE}\n2. Done.",
    "an indented closing fence": f"{FENCE}python\n{RIGHT}\n    {FENCE}\nand words",
    "opened after words": f"Here it is: {FENCE}python\n{RIGHT}\n{FENCE}",
    "a mention of a fence": f"I use {FENCE}python blocks.\n{block(RIGHT)}",
    "another language before": f"{block('int main() { return 0; }', 'cpp')}\nIn Python:\n{block(RIGHT)}",
    "another language after": f"{block(RIGHT)}\nIn C++:\n{block('int main() { return 0; }', 'cpp')}",
    "a remark after": f"{block(RIGHT)}\nRemark:\n{block('O(n) time, O(1) memory', 'text')}",
    "a remark without label after": f"{block(RIGHT)}\nIt runs in\n{block('O(n)', '')}",
    "sample input after": f"{block(RIGHT)}\nInput:\n{block('3 4', '')}\nOutput:\n{block('7', '')}",
    "a command after": f"{block(RIGHT)}\nRun it:\n{block('python3 main.py < input.txt', 'bash')}",
    "a call after": f"{block(RIGHT)}\nFor example:\n{block('print(add(1, 2))')}",
    "a broken block after": f"{block(RIGHT)}\nor\n{block('for i in')}",
    "a draft before": f"{block(WRONG)}\nNo, rather:\n{block(RIGHT)}",
    "a draft in its thoughts": f"<think>\n{block(WRONG)}\n</think>\n{block(RIGHT)}",
    "a fence never closed in its thoughts": f"<think>\nmaybe\n{FENCE}python\n{WRONG}\nhmm</think>\n{block(RIGHT)}",
    "the same without label": f"<think>\n{FENCE}\n{WRONG}\nhmm\n</think>\n{block(RIGHT, '')}",
    "only in its thoughts": f"<think>\n{block(RIGHT)}\n</think>\nAs above.",
    "a lone closing fence": f"{RIGHT}\n{FENCE}\nThat adds them.",
    "a block never closed before": f"{FENCE}python\nprint(\n\nNo:\n{block(RIGHT)}",
    "a fence in a text of the code": block(f'"""\n{FENCE}\nexample\n{FENCE}\n"""\n{RIGHT}'),
    "on one line": f"{FENCE}python print(sum(map(int, input().split()))) {FENCE}",
    "no fence": RIGHT,
    "no fence, after words": f"This adds them:\n\n{RIGHT}",
    "no fence, between words": f"This adds them:\n\n{RIGHT}\n\nIt reads both numbers, then adds them.",
    "no fence, after thoughts": f"<think>\nLet me see: {WRONG}\n</think>\n\n{RIGHT}",
    "reads by its number": block("a, b = map(int, open(0).read().split())\nprint(a + b)"),
    "reads by the stream": block("import sys\nread = sys.stdin.readline\na, b = map(int, read().split())\nprint(a + b)"),
    "reads by fileinput": block("import fileinput\nfor line in fileinput.input():\n    print(sum(map(int, line.split())))"),
}  # fmt: skip


@needs_sandbox
def test_the_program_is_found_however_the_reply_is_written():
    tests = [
        {"input": "3 4\n", "output": "7\n", "testtype": "stdin"},
        {"input": "1 5", "output": "6", "testtype": "stdin"},
    ]
    problem = {"id": "a", "source": "livecodebench", "tests": tests, "answer": ""}
    grades = GRADERS["sandbox"].grade([(problem, text) for text in REPLIES.values()])
    assert {name: grade.status for name, grade in zip(REPLIES, grades, strict=True) if not grade.correct} == {}


METHOD = "class Solution:\n    def add(self, a, b):\n        return {}\n"
FUNCTIONS = {
    "a method": (METHOD.format("a + b"), True),
    "a function": ("def add(a, b):\n    return a + b\n", True),
    "a class before a helper of the same name": (f"{METHOD.format('a + b')}\ndef add(a, b):\n    return 0\n", True),
    "a class after a helper of the same name": (f"def add(a, b):\n    return 0\n\n{METHOD.format('a + b')}", True),
    "a class that uses a helper of the same name": (f"def add(a, b):\n    return a + b\n\n{METHOD.format('add(a, b)')}", True),
    "a class without the method": ("class Solution:\n    pass\n\ndef add(a, b):\n    return a + b\n", True),
    "inherited": ("class Base:\n    def add(self, a, b): return a + b\nclass Solution(Base):\n    pass\n", True),
    "a lambda": ("add = lambda a, b: a + b", True),
    "under a condition": ("if True:\n    def add(a, b):\n        return a + b\n", True),
    "no function of that name, though LiveCodeBench imports one": ("def plus(a, b):\n    return a + b\n", False),
    "future annotations": (f"from __future__ import annotations\n{METHOD.format('a + b')}", True),
}  # fmt: skip


@needs_sandbox
def test_functions_and_methods_of_livecodebench():
    tests = [{"input": "1\n2", "output": "3", "testtype": "functional"}]
    problem = {"id": "a", "source": "livecodebench", "entry_point": "add", "tests": tests, "answer": ""}
    usage = f"\nUse it so:\n{block('print(Solution().add(1, 2))')}\n"
    texts = [text for code, _ in FUNCTIONS.values() for text in (block(code), block(code) + usage, code)]
    grades = iter(GRADERS["sandbox"].grade([(problem, text) for text in texts]))
    found = {name: [next(grades).correct for _ in range(3)] for name in FUNCTIONS}
    assert found == {name: [right] * 3 for name, (_, right) in FUNCTIONS.items()}


@needs_sandbox
def test_mbpp_wants_a_function():
    problem = {"id": "a", "source": "mbpp", "entry_point": "add", "tests": "assert add(1, 2) == 3\n", "answer": ""}
    texts = [block(METHOD.format("a + b")), block("def add(a, b): return a + b"), "def add(a, b): return a + b"]
    assert [grade.correct for grade in GRADERS["sandbox"].grade([(problem, text) for text in texts])] == [
        False,
        True,
        True,
    ]


HEAD = 'from typing import List\n\n\ndef total(xs: List[int]) -> int:\n    """The sum.\n\n    >>> total([1])\n    1\n    """\n'
BODY = "    result = 0\n    for x in xs:\n        result += x\n    return result"
WHOLE = "def total(xs: List[int]) -> int:\n" + BODY
COMPLETIONS = {
    "a body": BODY,
    "a body that goes on": f"{BODY}\n\n\ndef other():\n    return 1\n\nprint('x')\n",
    "a body up to a lone fence": f"{BODY}\n{FENCE}\nThat is all.",
    "a body in a block": block(BODY),
    "a body in a block, without indentation": block("result = sum(xs)\nreturn result"),
    "the function": block(WHOLE),
    "the function, then its use": f"{block(WHOLE)}\nExample:\n{block('print(total([1, 2, 3]))')}",
    "the function, then asserts": f"{block(WHOLE)}\n{block('assert total([1, 2]) == 3')}",
    "the function, then words": f"{WHOLE}\n\nIt adds them one by one.",
    "words, then the function": f"Here is the function:\n\n{WHOLE}\n",
    "future annotations": block(f"from __future__ import annotations\n\n{WHOLE}"),
    "future annotations on a line with more": block(f"from __future__ import annotations; import math\n{WHOLE}"),
    "future annotations after a docstring": block(f'"""Adds."""\nfrom __future__ import (\n    annotations,\n)\n{WHOLE}'),
    "a dataclass with texts for annotations": block(
        f'from dataclasses import dataclass\n\n@dataclass\nclass Sum:\n    value: "int" = 0\n\n{WHOLE}'
    ),
}  # fmt: skip


@needs_sandbox
def test_humaneval_completions():
    tests = (
        "def check(candidate):\n    assert candidate([1, 2, 3]) == 6\n    assert candidate([]) == 0\n\ncheck(total)\n"
    )
    problem = {"id": "a", "source": "humaneval", "prompt": HEAD, "entry_point": "total", "tests": tests, "answer": ""}
    grades = GRADERS["sandbox"].grade([(problem, text) for text in COMPLETIONS.values()])
    assert {name: grade.status for name, grade in zip(COMPLETIONS, grades, strict=True) if not grade.correct} == {}


def test_without_a_block_that_fits_the_last_python_block_counts():
    text = f"{block('print(1)')}\n{block('print(2)')}\n{block('3', '')}\n{block('x', 'text')}"
    assert extract_code(text, "") == "print(2)"
    assert extract_code(f"{block('print(', 'py')}\n{block('cout << 1;', 'cpp')}", "") == "print("
    assert extract_code(f"{block('print(1)', '')}\n{block('cout << 1;', 'cpp')}", "") == "print(1)"


def test_no_program_is_no_answer():
    problem = {"source": "livecodebench", "tests": [{"input": "", "output": "", "testtype": "stdin"}]}
    for text in ("", "  \n", block(""), f"{FENCE}python", "<think>x</think>\n"):
        assert write_program(problem, text)[1] is None, text


@pytest.mark.parametrize("code", ["\ud800", "x = '\ud800'", "x\0y", "(" * 5000, "x = 1\n" * 5000, f"{FENCE}\n" * 500])
def test_no_text_breaks_the_search(code):
    for text in (code, block(code), f"{code}{FENCE}{code}"):
        extract_code(text, "f"), extract_code(text, "", "def f():\n    pass\n"), extract_code(text, "")


def test_blocks_keep_their_labels_and_order():
    text = f"{block('a', 'C++')}\n{block('b', 'python3')}\n{block('c', '')}"
    assert [tuple(found) for found in code_blocks(text, lambda _: True)] == [("c++", "a"), ("python", "b"), ("", "c")]


def test_future_imports_come_first_and_nothing_else_moves():
    code = '"""é"""; from __future__ import annotations; x = 1\ny = 2'
    names: dict = {}
    exec(joined("import math", code), names)
    assert names["x"] == 1 and names["y"] == 2 and names["math"]


def test_the_rule_stands_in_the_benchmarks_file():
    from stages.benchmarks import BENCHMARKS, find

    code = {key: find(key) for key in BENCHMARKS if find(key).runs_code and find(key).source != "laboratory"}
    for benchmark in code.values():
        assert "last block that compiles and" in benchmark.answer_in and "{}" not in benchmark.answer_in
        assert benchmark.limits["memory_bytes"] >= 1 << 30
    assert len({benchmark.answer_in for benchmark in code.values()}) == 3
    assert json.dumps({key: benchmark.limits for key, benchmark in code.items()})
