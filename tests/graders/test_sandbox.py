"""Programs that behave, however their tests are written, and the stages where no sandbox is at hand."""

import json
import os
import shutil
import subprocess

import pytest

from stages.common.files import InputError
from stages.graders import availability, sandbox
from stages.graders import programs as running
from stages.graders.programs import run_programs
from stages.graders.registry import GRADERS
from stages.graders.sandbox import Program
from tests.plans import grade_plan
from tests.project import EVALUATION_PYTHON, ROOT

pytestmark = pytest.mark.processes

REASON = availability.available()
needs_sandbox = pytest.mark.skipif(REASON is not None, reason=str(REASON))
TESTS = "assert solution(2) == 5\nassert solution(-3) == 0\n"


@pytest.fixture(autouse=True)
def short_limits(monkeypatch):
    for name, seconds in {"seconds": 3, "case_seconds": 3, "wall_seconds": 300}.items():  # of a machine that is busy
        monkeypatch.setitem(sandbox.LIMITS, name, seconds)


def run(*solutions, tests=TESTS, **more):
    return [
        result.status for result in run_programs([Program(source, tests, "solution", **more) for source in solutions])
    ]


@needs_sandbox
def test_right_and_wrong_programs():
    assert run(
        "def solution(x): return x + 3",
        "def solution(x): return x + 2",
        "def solution(x): return",
        "def solution(x): raise ValueError",
        "def solution(x: return",
        "solution = 3",
        "",
    ) == ["passed", *["failed"] * 6]


@needs_sandbox
def test_values_keep_their_types():
    returns = "def solution(x): return {}".format
    values = "[1, (2.5, None, True), {'a': {1, 2}, (1, 2): b'x'}, float('inf'), 10**30, 2j]"
    assert run(returns(values), tests=f"inf = float('inf')\nassert solution(0) == {values}") == ["passed"]
    assert run(returns("[1, 2]"), tests="assert solution(0) == (1, 2)") == ["failed"]


@needs_sandbox
def test_humaneval_form():
    """`check(candidate)` with a helper from the prompt; the tests' random numbers are the same every time."""
    prompt = "def double(x):\n    return 2 * x\n\n\ndef solution(x):\n    pass\n"
    tests = "def check(candidate):\n    from random import randint\n    for _ in range(9):\n        x = randint(0, 9)\n"
    tests += "        assert candidate(x) == double(x)\ncheck(solution)\n"
    assert run("def solution(x): return x + x", "def solution(x): return 0", tests=tests, preamble=prompt) == [
        "passed",
        "failed",
    ]


CASES = [{"input": "3 4\n", "output": "7\n"}, {"input": "-1 1\n", "output": "0"}]


def run_cases(style, *solutions, cases=CASES, entry_point=""):
    tests = json.dumps(cases)
    programs = [Program(source, tests, entry_point, style=style) for source in solutions]
    return [result.status for result in run_programs(programs)]


READ_AND_PRINT = [
    ("print(sum(map(int, input().split())))", "passed"),
    ("import sys\nprint(sum(int(word) for word in sys.stdin.read().split()))", "passed"),
    ("print(sum(map(int, open(0).readline().split())))", "passed"),
    ("if __name__ == '__main__':\n    print(sum(map(int, input().split())), end='')", "passed"),
    ("a, b = map(int, input().split())\nprint(f' {a + b}.00  ')\nimport sys\nsys.exit(3)", "passed"),
    ("'''a docstring'''\nprint(sum(map(int, input().split())))", "passed"),
    ("a, b = map(int, input().split())\nprint(a + b + 1)", "failed"),
    ("print(7)", "failed"),
    ("print(sum(map(int, input().split())))\nprint()\nprint(1)", "failed"),
    ("print(sum(map(int, input().split())))\nraise ValueError", "failed"),
    ("print('TEST_PASSED')", "failed"),
    ("", "failed"),
    ("while True: pass", "timeout"),
    ("import time; time.sleep(100)", "timeout"),
    ("import os; os.close(1); import time; time.sleep(100)", "timeout"),
]


@pytest.fixture(scope="module")
def read_and_printed():
    """Their statuses; what waits for its end by the clock does so beside others."""
    programs = []
    for source, _ in READ_AND_PRINT:
        limits = {"case_seconds": 3, "seconds": 3, "wall_seconds": 8 if "sleep" in source else 300}
        programs.append(Program(source, json.dumps(CASES), "", style="stdin", limits=tuple(limits.items())))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "SANDBOXES", 3)
        return [result.status for result in run_programs(programs)]


@needs_sandbox
@pytest.mark.parametrize("number", range(len(READ_AND_PRINT)))
def test_programs_that_read_and_print(read_and_printed, number):
    assert read_and_printed[number] == READ_AND_PRINT[number][1], READ_AND_PRINT[number]


@needs_sandbox
def test_input_and_output_larger_than_a_pipe():
    numbers = " ".join(map(str, range(200_000)))
    echo = "print(input())"
    assert run_cases("stdin", echo, "print(1)", cases=[{"input": numbers, "output": numbers}]) == ["passed", "failed"]


@needs_sandbox
def test_functions_called_with_json():
    cases = [{"input": '[1, 2]\n"a"', "output": '["a", 3]'}, {"input": '[]\n"b"', "output": '["b", 0]'}]
    method = "class Solution:\n    def join(self, values, word):\n        return {}\n".format
    assert run_cases(
        "functional",
        method("[word, sum(values)]"),
        method("(word, sum(values))"),  # LiveCodeBench takes a tuple for a list
        "def join(values, word): return [word, sum(values)]",
        method("[word, 3]"),
        method("[word, '3']"),
        "class Solution: pass",
        cases=cases,
        entry_point="join",
    ) == ["passed", "passed", "passed", "failed", "failed", "failed"]


@needs_sandbox
def test_each_case_has_its_own_time(monkeypatch):
    """Three cases of half the limit each are within it, one beyond it is not."""
    for name in ("seconds", "case_seconds"):
        monkeypatch.setitem(sandbox.LIMITS, name, 2)
    work = "import time\ndef busy(seconds):\n    end = time.process_time() + seconds\n"
    work += "    while time.process_time() < end: pass\n"
    cases = [{"input": "1.0", "output": "1.0"}] * 3
    function = f"{work}    return seconds"
    assert run_cases("functional", function, cases=cases, entry_point="busy") == ["passed"]
    program = f"{work}x = float(input())\nbusy(x)\nprint(x)"
    assert run_cases("stdin", program, cases=cases) == ["passed"]
    slow = [{"input": "4.5", "output": "4.5"}, *cases]
    assert run_cases("functional", function, cases=slow, entry_point="busy") == ["timeout"]


@needs_sandbox
def test_results_do_not_depend_on_concurrency(monkeypatch):
    """Six at once on fewer processors take longer by the clock than the limit of processor time allows."""
    busy = "import time\ndef solution(x):\n    while time.process_time() < 1.2 + {} / 1000: pass\n    return x + {}\n"
    sources = [busy.format(n, 3 if n % 2 else 4) for n in range(6)]
    monkeypatch.setitem(sandbox.LIMITS, "seconds", 2)
    monkeypatch.setitem(sandbox.LIMITS, "wall_seconds", 600)
    statuses = []
    for sandboxes in (1, 6):
        monkeypatch.setattr(running, "SANDBOXES", sandboxes)
        statuses.append(run(*sources, tests="assert solution(2) == 5"))
    assert statuses == [["failed", "passed"] * 3] * 2


@needs_sandbox
def test_a_plain_type_of_the_library_is_as_good_as_a_plain_value():
    source = "from collections import Counter, OrderedDict, namedtuple\nPoint = namedtuple('Point', 'x y')\n"
    source += "def solution(x): return [Counter('aab'), OrderedDict(a=1), Point(1, 2)]"
    assert run(source, tests="assert solution(0) == [{'a': 2, 'b': 1}, {'a': 1}, (1, 2)]") == ["passed"]


@needs_sandbox
@pytest.mark.parametrize("testtype, entry_point", [("stdin", None), ("functional", "add")])
def test_livecodebench_lines_are_graded(testtype, entry_point):
    given = {"stdin": "1 2", "functional": "1\n2"}[testtype]
    tests = [{"input": given, "output": "3", "testtype": testtype}]
    problem = {"id": "a", "source": "lcb", "entry_point": entry_point, "tests": tests, "answer": ""}
    right = {
        "stdin": "print(reduce(add, map(int, input().split())))",  # with LiveCodeBench's own imports before it
        "functional": "class Solution:\n    def add(self, a: int, b: Optional[int]) -> int:\n        return a + b",
    }[testtype]
    texts = [f"So:\n```python\n{right}\n```", "```python\nprint(4)\n```", "I do not know.", ""]
    grades = GRADERS["sandbox"].grade([(problem, text) for text in texts])
    assert [(grade.correct, grade.status) for grade in grades] == [
        (True, "graded"), (False, "graded"), (False, "graded"), (False, "no answer"),
    ]  # fmt: skip


@needs_sandbox
def test_grader_counts_every_sample():
    problem = {"id": "a", "source": "lab", "entry_point": "solution", "tests": TESTS, "answer": ""}
    texts = [r"\boxed{x+3}", r"\boxed{x+4}", "x+3", r"\boxed{9**9**9}", r"\boxed{__import__('os')._exit(0)}"]
    grades = GRADERS["sandbox"].grade([(problem, text) for text in texts])
    assert [grade.correct for grade in grades] == [True, False, False, False, False]
    assert grades[2].status == "no answer" and grades[3].status == "timeout"


def test_without_bubblewrap_nothing_is_scored(monkeypatch, tmp_path):
    availability.available.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    try:
        assert "apt-get install -y bubblewrap" in availability.available()
        with pytest.raises(InputError, match="bubblewrap"):
            run_programs([Program("def solution(x): return x + 3", TESTS, "solution")])
        assert availability.version() == "not installed"
    finally:
        availability.available.cache_clear()


@needs_sandbox
def test_grade_reports_not_run_without_bubblewrap_and_grades_the_rest(tmp_path):
    """The stage itself, with a PATH that has no bwrap."""
    results = tmp_path / "results" / "toy"
    for folder in ("plan", "data/eval", "samples/base"):
        (results / folder).mkdir(parents=True)
    plan = grade_plan({"words": 1, "programs": 1}, {"words": "exact_box", "programs": "sandbox"}, {})
    (results / "plan/grade.json").write_text(plan.text())
    problem = {
        "id": "a",
        "problem": "",
        "answer": "1",
        "source": "lab",
        "entry_point": "solution",
        "tests": "assert solution(1)",
    }
    row = {"id": "a", "repeat": 0, "seed": 0, "text": r"\boxed{1}", "tokens": 1, "stop_reason": "stop"}
    for name in plan.samples:
        (results / "data/eval" / f"{name}.jsonl").write_text(json.dumps(problem) + "\n")
        (results / "samples/base" / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "bin").mkdir()
    os.symlink(shutil.which("setpriv"), tmp_path / "bin" / "setpriv")
    result = subprocess.run(
        [EVALUATION_PYTHON, "-m", "stages.grade", "toy", "base"], cwd=tmp_path, capture_output=True, text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": str(tmp_path / "bin")},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    scores = json.loads((results / "grades/base/scores.json").read_text())
    assert scores["programs"]["status"].startswith("not run: bwrap is not installed; type: ")
    assert "avg_at_k" not in scores["programs"] and scores["words"]["avg_at_k"] == 1.0
