"""Programs that cheat, spy and run wild. None scores, none harms, none outlives its limit.

Every attack is bounded in itself as well (so many forks, so many bytes), so that a broken sandbox harms no machine.
"""

import json
import socket
from pathlib import Path

import psutil
import pytest

from stages.graders import availability
from stages.graders import programs as running
from stages.graders.programs import run_programs
from stages.graders.sandbox import Program

REASON = availability.available()
pytestmark = [pytest.mark.processes, pytest.mark.skipif(REASON is not None, reason=str(REASON))]
TESTS = "assert solution(2) == 5\nassert solution(-3) == 0\n"
NEWLINE = "\n"
RIGHT = "def solution(x): return x + 3"
CASES = json.dumps([{"input": "2", "output": "5"}, {"input": "-3", "output": "0"}])


SHORT = (("case_seconds", 2), ("seconds", 2), ("wall_seconds", 300))  # limits of a program, on a machine that is busy
BY_THE_CLOCK = (*SHORT[:2], ("wall_seconds", 8))  # of one that only waits
STYLES = {"asserts": TESTS, "stdin": CASES, "functional": CASES}


def program(source, style="asserts", tests=None, limits=SHORT):
    return Program(source, tests or STYLES[style], "solution", style=style, limits=limits)


def right(number, limits=SHORT):
    """Each number another program, which passes: equal ones are run once."""
    return program(f"{RIGHT}{NEWLINE * number}", limits=limits)


def run(*programs):
    """The statuses; each program was ended by its own limits, and none by the bound on the sandbox as a whole."""
    results = run_programs(list(programs))
    assert "backstop" not in {result.detail for result in results}
    return [result.status for result in results]


def in_groups(statuses, size):
    return [statuses[start : start + size] for start in range(0, len(statuses), size)]


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


@pytest.fixture(scope="module")
def forged():
    """Number of a forgery -> the statuses of it in each style, and of a right program, all judged beside each other."""
    programs = []
    for number, cheat in enumerate(FORGERIES):
        programs += [*(program(cheat, style) for style in STYLES), right(number)]
    return dict(enumerate(in_groups(run(*programs), len(STYLES) + 1)))


@pytest.mark.parametrize("number", range(len(FORGERIES)))
def test_a_grade_cannot_be_forged(forged, number):
    asserts, *of_cases, right = forged[number]
    assert asserts != "passed" and right == "passed"
    assert set(of_cases) <= {"failed", "timeout"}


def test_killing_everything_passes_nothing_and_harms_no_other_program():
    kill = "import os\nfor pid in (os.getppid(), 1, -1):\n    for signal in (19, 11, 9): os.kill(pid, signal)"
    statuses = run(right(0), right(1), program(kill), right(2), program(f"{kill}\n"), right(3))
    assert statuses == ["passed", "passed", "failed", "passed", "failed", "passed"]


ATTEMPTS = [
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
]


@pytest.fixture(scope="module")
def attempted():
    """Attempt -> the status of a program that passes if it raises."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        sources = [
            "import ctypes\nlibc = ctypes.CDLL(None)\n"
            "def check(result):\n    if result == -1: raise OSError\n"
            f"def solution(x):\n    try:\n        {attempt.replace('{port}', port)}\n"
            "    except (OSError, MemoryError, KeyError, ValueError):\n        return x + 3\n"
            for attempt in ATTEMPTS
        ]
        return dict(zip(ATTEMPTS, run(*map(program, sources)), strict=True))


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_what_is_out_of_bounds_raises(attempted, attempt):
    assert attempted[attempt] == "passed"


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
    assert run(program(bomb), program(bomb + "\n"), program(bomb + "\n\n"), right(0)) == ["passed"] * 4
    assert not [line for line in own_command_lines() if "/inside/worker.py" in line]


def test_a_fork_bomb_that_does_not_stop_is_ended():
    bomb = "import os\ndef solution(x):\n    for _ in range(100_000):\n        try: os.fork()\n        except OSError: pass"
    bomb, other = run(program(bomb), right(0))
    assert bomb != "passed" and other == "passed"


SLEEPS = "import time; time.sleep(1000)"
ENDLESS = [
    ("while True: pass", {"timeout"}),
    (SLEEPS, {"timeout"}),
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
]


@pytest.fixture(scope="module")
def ended():
    """(source, style) -> the statuses of it and of a right program after it; what waits does so beside others."""
    asked = [(source, style) for source, _ in ENDLESS for style in STYLES]
    programs = []
    for number, (source, style) in enumerate(asked):
        limits = BY_THE_CLOCK if source == SLEEPS else SHORT
        programs += [program(source, style, limits=limits), right(number, limits)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "SANDBOXES", 4)
        return dict(zip(asked, in_groups(run(*programs), 2), strict=True))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("source, expected", ENDLESS)
def test_what_does_not_end_is_ended(ended, source, expected, style):
    status, right = ended[source, style]
    assert status in expected and right == "passed"


COSTLY = [
    ("{key * (2 ** 61 - 1): 0 for key in range(60_000)}", TESTS),  # keys that collide
    ("'x' * (5 << 20)", TESTS),
    ("10 ** 400_000", "assert str(solution(2))[-1] == '5'"),
    ("list(range(100_000))", "values = solution(2)\nwhile values: values = values + values"),
]


def test_a_value_that_is_costly_to_compare_is_ended_too():
    values = [program(f"def solution(x): return {value}", tests=tests) for value, tests in COSTLY]
    *costly, other = run(*values, right(0))
    assert set(costly) <= {"failed", "timeout", "broken"} and other == "passed"
