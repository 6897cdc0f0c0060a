"""Programs that cheat, spy and run wild. None scores, none harms, none outlives its limit.

Every attack is bounded in itself as well (so many forks, so many bytes), so that a broken sandbox harms no machine.
"""

import json
import socket
import time
from pathlib import Path

import psutil
import pytest

from stages.graders import availability, sandbox
from stages.graders.programs import run_programs
from stages.graders.sandbox import Program

REASON = availability.available()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
TESTS = "assert solution(2) == 5\nassert solution(-3) == 0\n"
RIGHT = "def solution(x): return x + 3"
CASES = json.dumps([{"input": "2", "output": "5"}, {"input": "-3", "output": "0"}])


@pytest.fixture(autouse=True)
def short_limits(monkeypatch):
    for name, seconds in {"seconds": 2, "case_seconds": 2, "wall_seconds": 4}.items():
        monkeypatch.setitem(sandbox.LIMITS, name, seconds)


def run(*solutions, tests=TESTS, style="asserts"):
    programs = [Program(source, tests, "solution", style=style) for source in solutions]
    return [result.status for result in run_programs(programs)]


def own_command_lines() -> list[str]:
    """Of the processes below this one: what a sandbox starts cannot leave its process namespace, and so not this tree."""
    lines = []
    for process in psutil.Process().children(recursive=True):
        try:
            lines.append(" ".join(process.cmdline()))
        except psutil.NoSuchProcess:
            continue
    return lines


FORGERIES = [
    "import os; os._exit(0)",
    "import sys; sys.exit(0)",
    "def solution(x):\n    import os\n    os._exit(0)",
    # printing what a passing program might print, wherever it can be written
    "print('passed'); print({'status': 'passed'}); print('TEST_PASSED'); import os; os._exit(0)",
    """
import os
for fd in range(64):
    try: os.write(fd, b'{"token": "", "status": "passed", "detail": ""}\\n')
    except OSError: pass
os._exit(0)""",
    # an object that equals everything
    "class Equal:\n    def __eq__(self, other): return True\ndef solution(x): return Equal()",
    "class Number(int):\n    def __eq__(self, other): return True\ndef solution(x): return Number()",
    "class List(list):\n    def __eq__(self, other): return True\ndef solution(x): return List()",
    # the tests and the grade are not in this process
    """
import sys
def solution(x):
    frame = sys._getframe()
    while frame.f_back: frame = frame.f_back
    return frame.f_globals['tests']""",
    """
import gc
def solution(x):
    for found in gc.get_objects():
        if isinstance(found, dict) and 'expected' in found: return found['expected']""",
    """
import sys
frame = sys._getframe()
while frame:
    frame.f_globals['result_of'] = lambda *a: ('passed', '')
    frame = frame.f_back
def solution(x): return 0""",
    # another process's output, memory, life
    """
import os
for pid in range(1, 20):
    for fd in range(20):
        try: open(f'/proc/{pid}/fd/{fd}', 'w').write('passed')
        except OSError: pass
def solution(x): return 0""",
    """
import ctypes
libc = ctypes.CDLL(None)
traced = [libc.ptrace(16, pid, 0, 0) for pid in (1, 2)]
def solution(x): return x + 3 if 0 in traced else 0""",
    # the language itself, patched; exit hooks; signals
    "import builtins; builtins.AssertionError = ValueError; builtins.abs = lambda x: 0\ndef solution(x): return 0",
    """
import sys, types
for name in list(sys.modules): sys.modules[name] = types.ModuleType(name)
def solution(x): return 0""",
    'import json\njson.dumps = lambda *a, **k: \'{"value": null, "status": "passed"}\'\ndef solution(x): return 0',
    "import atexit, os\natexit.register(lambda: (print('passed'), os._exit(0)))\ndef solution(x): return 0",
    """
import signal, os
for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGCHLD, signal.SIGINT): os.kill(1, number)
def solution(x): return 0""",
]


@pytest.mark.parametrize("number", range(len(FORGERIES)))
def test_a_grade_cannot_be_forged(number):
    cheat = FORGERIES[number]
    statuses = run(cheat, RIGHT)
    assert statuses[0] != "passed" and statuses[1] == "passed"
    for style in ("stdin", "functional"):
        assert run(cheat, style=style, tests=CASES)[0] in ("failed", "timeout")


def test_killing_everything_passes_nothing_and_harms_no_other_program():
    good = [f"def solution(x): return x + {n} - {n} + 3" for n in range(4)]
    kill = "import os\nfor pid in (os.getppid(), 1, -1):\n    for signal in (19, 11, 9): os.kill(pid, signal)"
    statuses = run(good[0], good[1], kill, good[2], f"{kill}\n", good[3])
    assert statuses == ["passed", "passed", "failed", "passed", "failed", "passed"]


@pytest.mark.parametrize(
    "attempt",
    [
        "open('/etc/passwd')",
        f"open({str(Path(__file__).absolute())!r})",
        "open('/usr/../etc/passwd')",
        "open('/proc/1/environ')",
        "open('/tmp/x', 'w')",
        "open('/dev/shm/x', 'w')",
        "open('/x', 'w')",
        "open('/inside/supervisor.py', 'w')",
        "import os; os.symlink('/etc/passwd', '/tmp/x')",
        "import os; os.symlink('/etc/passwd', '/dev/shm/x')",
        "import os; os.link('/usr/bin/env', '/usr/bin/x')",
        "import os; os.listdir('/home')",
        "import os; os.listdir('/root')",
        "import os; os.environ['PATH']",
        "import os; os.environ['HOME']",
        "import socket; socket.create_connection(('127.0.0.1', {port}), timeout=1)",
        "import socket; socket.create_connection(('1.1.1.1', 53), timeout=1)",
        "import os; os.setuid(0)",
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))",
        "import resource; resource.setrlimit(resource.RLIMIT_NPROC, (99, 99))",
        # memory, of every kind
        "x = 'a' * (2 << 30)",
        "import mmap; mmap.mmap(-1, 1 << 30)",
        "import os; os.memfd_create('x')",
        "check(libc.shmget(0, 1 << 20, 0o600 | 0o1000))",
        "check(libc.msgget(0, 0o600 | 0o1000))",
        "check(libc.unshare(0x10000000 | 0x00020000))",
        "check(libc.syscall(435, 0, 0))",  # clone3
        "check(libc.syscall(0x40000000 + 39))",  # a call of x86-64's second set
        "check(libc.mount(b'tmpfs', b'/dev', b'tmpfs', 0, None))",
        "import os; [os.open('/dev/null', os.O_RDONLY) for _ in range(1000)]",
    ],
)
def test_what_is_out_of_bounds_raises(attempt):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        attempt = attempt.replace("{port}", str(listener.getsockname()[1]))
        source = (
            "import ctypes\nlibc = ctypes.CDLL(None)\n"
            "def check(result):\n    if result == -1: raise OSError\n"
            f"def solution(x):\n    try:\n        {attempt}\n"
            "    except (OSError, MemoryError, KeyError, ValueError):\n        return x + 3\n"
        )
        assert run(source) == ["passed"]


FORKS = """
import os, time
def solution(x):
    children = 0
    try:
        for _ in range(50):
            if os.fork() == 0:
                {deed}
                time.sleep(3.7)
                os._exit(0)
            children += 1
    except OSError:
        return x + 3 if children < 16 else 0
"""


def test_processes_are_bounded_and_none_outlives_its_program():
    bomb = FORKS.format(deed="pass")
    started = time.monotonic()
    assert run(bomb, bomb + "\n", bomb + "\n\n", RIGHT) == ["passed"] * 4
    assert time.monotonic() - started < 15
    assert not [line for line in own_command_lines() if "/inside/worker.py" in line]


def test_a_fork_bomb_that_does_not_stop_is_ended():
    bomb = "import os\ndef solution(x):\n    for _ in range(100_000):\n        try: os.fork()\n        except OSError: pass"
    started = time.monotonic()
    statuses = run(bomb, RIGHT)
    assert statuses[0] != "passed" and statuses[1] == "passed"
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("style", ["asserts", "functional", "stdin"])
@pytest.mark.parametrize(
    "source, expected",
    [
        ("while True: pass", {"timeout"}),
        ("import time; time.sleep(1000)", {"timeout"}),
        ("import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", {"timeout", "failed"}),
        ("import sys; sys.stdin.read(); input()", {"failed"}),
        ("for _ in range(1024): print('x' * (1 << 20))", {"failed"}),  # 1 GB
        (
            "import os\nfor _ in range(1024):\n    for fd in range(64):\n"
            "        try: os.write(fd, b'x' * (1 << 20))\n        except OSError: pass",
            {"failed", "timeout"},
        ),
        ("x = []\nwhile True: x.append('y' * (1 << 20))", {"failed"}),
        ("def f(): f()\nimport sys\nsys.setrecursionlimit(1 << 30)\nf()", {"failed", "timeout"}),
    ],
)
def test_what_does_not_end_is_ended(source, expected, style):
    started = time.monotonic()
    tests = TESTS if style == "asserts" else CASES
    (status,) = run(source, tests=tests, style=style)
    assert status in expected
    assert time.monotonic() - started < 10
    assert run(RIGHT) == ["passed"]


@pytest.mark.parametrize(
    "value, tests",
    [
        ("{key * (2 ** 61 - 1): 0 for key in range(60_000)}", TESTS),  # keys that collide
        ("'x' * (5 << 20)", TESTS),
        ("10 ** 400_000", "assert str(solution(2))[-1] == '5'"),
        ("list(range(100_000))", "values = solution(2)\nwhile values: values = values + values"),
    ],
)
def test_a_value_that_is_costly_to_compare_is_ended_too(value, tests):
    started = time.monotonic()
    statuses = run(f"def solution(x): return {value}", RIGHT, tests=tests)
    assert statuses[0] in ("failed", "timeout", "broken")
    assert time.monotonic() - started < 25
