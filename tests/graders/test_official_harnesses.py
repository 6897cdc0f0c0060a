"""Replies in the style of models get the grade that their benchmark's own harness gives, but for listed differences.

What the harnesses said was written down by perf/harnesses.py, which has them run. In each difference the grade here is what
the author of the reply says of its program.
"""

import pytest

from perf.harnesses import PAGE, grade, table
from stages.graders import availability, sandbox
from stages.graders.code import without_use
from tests.project import ROOT
from tests.replies import official, reasons, replies, rows

pytestmark = pytest.mark.processes

REASON = availability.available()
needs_sandbox = pytest.mark.skipif(REASON is not None, reason=str(REASON))
REPLIES, ROWS, OFFICIAL = replies(), rows(), official()


@needs_sandbox
@pytest.mark.parametrize("benchmark, problem", ROWS)
def test_grades_are_the_official_ones_but_for_listed_differences(benchmark, problem, monkeypatch):
    for name in ("seconds", "case_seconds"):
        monkeypatch.setitem(sandbox.LIMITS, name, 2)  # the replies that end need less than one
    asked = [reply for reply in REPLIES if (reply.benchmark, reply.problem) == (benchmark, problem)]
    grades = grade([(benchmark, ROWS[benchmark, problem], reply.text) for reply in asked])
    found = {reply.name: one.correct for reply, one in zip(asked, grades, strict=True)}
    assert found == {reply.name: reply.right for reply in asked}
    different = {reply.name for reply in asked if found[reply.name] != OFFICIAL[reply.key].verdict}
    assert different == {reply.name for reply in asked if reply.differs}


def test_each_reply_has_an_official_verdict_and_each_difference_a_reason():
    assert list(OFFICIAL) == [reply.key for reply in REPLIES]
    assert {reply.differs for reply in REPLIES} - {""} == set(reasons())
    assert 0.4 < sum(reply.right for reply in REPLIES) / len(REPLIES) < 0.7


def test_the_page_lists_the_differences():
    assert table(REPLIES) in (ROOT / PAGE).read_text(encoding="utf-8")


PREPARED = "def f(n):\n    return SQUARES[n]\n\nSQUARES = [i * i for i in range(9)]\nf.known = {}\nf = memo(f)\n"


@pytest.mark.parametrize(
    "use, kept",
    [
        ("print(f(3))", ""),
        ("assert f(3) == 9", ""),
        ("n = int(input())\nprint(f(n))", ""),
        ("n = int(input('é'))\nroot = n - 1\nfor i in range(root):\n    print(i)", ""),
        ("while True:\n    if input() == 'q':\n        break", ""),
        ("exit()", ""),
        ("import sys\nsys.exit(f(1))", "import sys"),
        ("x = 1; print(f(x)); y = 2", "x = 1; pass; y = 2"),
        ("even = lambda n: n == 0 or f(n - 1)", "even = lambda n: n == 0 or f(n - 1)"),
        ("if True:\n    def g(n):\n        return f(n)", "if True:\n    def g(n):\n        return f(n)"),
        ("import random\nrandom.seed(0)", "import random\nrandom.seed(0)"),
        ("def g():\n    print(f(1))", "def g():\n    print(f(1))"),
    ],
)
def test_what_only_uses_the_function_is_not_run(use, kept):
    def lines(code):
        return [line for line in code.split("\n") if line.strip() not in ("", "pass")]

    assert lines(without_use(f"{PREPARED}{use}\n", "f")) == lines(f"{PREPARED}{kept}\n")
    assert without_use(f"{use}\n", "h") == f"{use}\n"


def test_a_function_that_has_no_use_stays_to_the_byte():
    for code in (PREPARED, "def f(:\n", "def f(n): return f(n - 1) if n else 0", "class A:\n    f = 1\n"):
        assert without_use(code, "f") == code


@pytest.mark.parametrize("statement", ["x = 1", "print(f(1))", "x = x + 1", " + ".join(["y"] * 900)])
def test_a_long_program_is_read_in_time(statement):
    code = PREPARED + f"{statement}\n" * (30 if len(statement) > 99 else 3000)
    assert without_use(code, "f").startswith("def f(n):")
