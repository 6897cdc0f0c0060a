"""Programs that behave, misbehave and cheat. Each runs under the sandbox's own limits, so none can outlive its test."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from stages.files import InputError
from stages.graders import GRADERS, sandbox
from stages.graders.sandbox import Program, run_programs

REASON = sandbox.available()
needs_sandbox = pytest.mark.skipif(REASON is not None, reason=str(REASON))
TESTS = "assert solution(2) == 5\nassert solution(-3) == 0\n"


@pytest.fixture(autouse=True)
def short_limits(monkeypatch):
    monkeypatch.setitem(sandbox.LIMITS, "seconds", 3)


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
@pytest.mark.parametrize(
    "cheat",
    [
        "import os; os._exit(0)",
        "import sys; sys.exit(0)",
        "print('passed'); print({'status': 'passed'}); import os; os._exit(0)",
        # an object that equals everything
        "class Equal:\n    def __eq__(self, other): return True\ndef solution(x): return Equal()",
        "class Number(int):\n    def __eq__(self, other): return True\ndef solution(x): return Number()",
        # the tests and the verdict are not in this process
        "import sys\ndef solution(x):\n    frame = sys._getframe()\n    while frame.f_back: frame = frame.f_back\n"
        "    return frame.f_globals['limits']['answer']",
        # another process's output, memory, life
        "import os\nfor pid in range(1, 20):\n    for fd in range(20):\n"
        "        try: open(f'/proc/{pid}/fd/{fd}', 'w').write('passed')\n"
        "        except OSError: pass\ndef solution(x): return 0",
        "import ctypes\nlibc = ctypes.CDLL(None)\ntraced = [libc.ptrace(16, pid, 0, 0) for pid in (1, 2)]\n"
        "def solution(x): return x + 3 if 0 in traced else 0",
        "import builtins; builtins.AssertionError = ValueError\ndef solution(x): return 0",
    ],
)
def test_a_verdict_cannot_be_forged(cheat):
    assert run(cheat) == ["failed"]


@needs_sandbox
def test_killing_everything_passes_nothing_and_harms_no_other_program():
    good = [f"def solution(x): return x + {n} - {n} + 3" for n in range(4)]
    kill = "import os\nfor pid in (os.getppid(), 1, -1):\n    for signal in (19, 11, 9): os.kill(pid, signal)"
    statuses = run(good[0], good[1], kill, good[2], f"{kill}\n", good[3])
    assert statuses == ["passed", "passed", "failed", "passed", "failed", "passed"]


@needs_sandbox
@pytest.mark.parametrize(
    "attempt",
    [
        "open('/etc/passwd')",
        f"open({str(Path(__file__).absolute())!r})",
        "open('/proc/1/environ')",
        "open('/tmp/x', 'w')",
        "open('/dev/shm/x', 'w')",
        "open('/x', 'w')",
        "import socket; socket.create_connection(('127.0.0.1', {port}), timeout=1)",
        "import os; os.setuid(0)",
        "x = 'a' * (2 << 30)",
        "import os; [os.open('/dev/null', os.O_RDONLY) for _ in range(1000)]",
    ],
)
def test_what_is_out_of_bounds_raises(attempt):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        attempt = attempt.replace("{port}", str(listener.getsockname()[1]))
        source = (
            f"def solution(x):\n    try:\n        {attempt}\n    except (OSError, MemoryError):\n        return x + 3\n"
        )
        assert run(source) == ["passed"]


@needs_sandbox
def test_processes_are_bounded_and_none_outlives_its_program():
    bomb = """
import os, time
def solution(x):
    children = 0
    try:
        for _ in range(50):
            if os.fork() == 0:
                time.sleep(3.7)
                os._exit(0)
            children += 1
    except OSError:
        return x + 3 if children < 16 else 0
"""
    started = time.monotonic()
    assert run(bomb, bomb + "\n", bomb + "\n\n", "def solution(x): return x + 3") == ["passed"] * 4
    assert time.monotonic() - started < 15
    assert "time.sleep(3.7)" not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout


@needs_sandbox
@pytest.mark.parametrize(
    "hang", ["while True: pass", "import time; time.sleep(1000)", "import sys; sys.stdin.read(); input()"]
)
def test_a_hang_is_a_timeout_and_ends(hang):
    started = time.monotonic()
    statuses = run(f"def solution(x):\n    {hang}\n", "def solution(x): return x + 3")
    assert statuses[0] in ("timeout", "failed") and statuses[1] == "passed"
    assert time.monotonic() - started < 12
    if "True" in hang or "sleep" in hang:
        assert statuses[0] == "timeout"


@needs_sandbox
def test_humaneval_form():
    """`check(candidate)` with a helper from the prompt; the tests' random numbers are the same every time."""
    prompt = "def double(x):\n    return 2 * x\n\n\ndef solution(x):\n    pass\n"
    tests = "def check(candidate):\n    from random import randint\n    for _ in range(9):\n        x = randint(0, 9)\n"
    tests += "        assert candidate(x) == double(x)\n"
    assert run("def solution(x): return x + x", "def solution(x): return 0", tests=tests, preamble=prompt) == [
        "passed",
        "failed",
    ]


@needs_sandbox
def test_grader_counts_every_reply():
    problem = {"id": "a", "source": "lab", "entry_point": "solution", "tests": TESTS, "answer": ""}
    replies = [r"\boxed{x+3}", r"\boxed{x+4}", "x+3", r"\boxed{9**9**9}", r"\boxed{__import__('os')._exit(0)}"]
    verdicts = GRADERS["sandbox"].grade([(problem, reply) for reply in replies])
    assert [verdict.correct for verdict in verdicts] == [True, False, False, False, False]
    assert verdicts[2].status == "no answer" and verdicts[3].status == "timeout"


def test_without_bubblewrap_nothing_is_scored(monkeypatch, tmp_path):
    sandbox.available.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    try:
        assert "apt-get install -y bubblewrap" in sandbox.available()
        with pytest.raises(InputError, match="bubblewrap"):
            run_programs([Program("def solution(x): return x + 3", TESTS, "solution")])
        assert sandbox.version() == "not installed"
    finally:
        sandbox.available.cache_clear()


@needs_sandbox
def test_grade_reports_not_run_without_bubblewrap_and_grades_the_rest(tmp_path):
    """The stage itself, with a PATH that has no bwrap."""
    root = Path(__file__).parents[1]
    results = tmp_path / "results" / "toy"
    for folder in ("plan", "data/eval", "samples/base"):
        (results / folder).mkdir(parents=True)
    settings = {"samples": {"words": 1, "programs": 1}, "graders": {"words": "exact_box", "programs": "sandbox"}}
    (results / "plan/grade.json").write_text(json.dumps({"settings": settings}))
    problem = {
        "id": "a",
        "problem": "",
        "answer": "1",
        "source": "lab",
        "entry_point": "solution",
        "tests": "assert solution(1)",
    }
    row = {"id": "a", "repeat": 0, "seed": 0, "text": r"\boxed{1}", "tokens": 1, "stop_reason": "stop"}
    for name in settings["samples"]:
        (results / "data/eval" / f"{name}.jsonl").write_text(json.dumps(problem) + "\n")
        (results / "samples/base" / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
    python = root / ".venv" / "eval" / "bin" / "python"
    (tmp_path / "bin").mkdir()
    os.symlink(shutil.which("setpriv"), tmp_path / "bin" / "setpriv")
    result = subprocess.run(
        [python, "-m", "stages.grade", "toy", "base"], cwd=tmp_path, capture_output=True, text=True,
        env={"PYTHONPATH": str(root), "PATH": str(tmp_path / "bin")},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    scores = json.loads((results / "grades/base/scores.json").read_text())
    assert scores["programs"]["status"].startswith("not run: bwrap is not installed; type: ")
    assert "avg_at_k" not in scores["programs"] and scores["words"]["avg_at_k"] == 1.0
