"""What right programs may use, what ends wrong ones, and which limit the grade then names."""

import json
import re

import pytest

from stages.artifacts.grades import read_grades, read_scores
from stages.artifacts.samples import Sample
from stages.benchmarks.base import PROTECTIVE
from stages.benchmarks.livecodebench import BENCHMARK
from stages.datasets.livecodebench import ATCODER, line_of
from stages.grade import grade_benchmark
from stages.graders import availability
from stages.graders.programs import run_programs
from stages.graders.registry import GRADERS
from stages.graders.sandbox import Program, numpy_folder
from tests.data.test_livecodebench import row
from tests.graders.test_sandbox_attacks import CASES, FORGERIES, FORKS, RIGHT, SHORT, TESTS

REASON = availability.available()
pytestmark = [pytest.mark.processes, pytest.mark.skipif(REASON is not None, reason=str(REASON))]
FENCE = "`" * 3
MIB = 1 << 20
FORK_BOMB = "import os\ndef solution(x):\n    while True:\n        try: os.fork()\n        except OSError: pass"


def pair(source, cases=(("3\n", "3\n"),), limits=None, entry_point=None):
    kind = "functional" if entry_point else "stdin"
    tests = [{"input": given, "output": wanted, "testtype": kind} for given, wanted in cases]
    problem = {"id": "a", "source": "livecodebench", "tests": tests, "entry_point": entry_point, "answer": ""}
    return {**problem, "limits": {"wall_seconds": 300, **(limits or {})}}, f"{FENCE}python\n{source}\n{FENCE}"


def statuses(pairs):
    return [grade.status if not grade.correct else "right" for grade in GRADERS["sandbox"].grade(pairs)]


def graded(*arguments, **more):
    return statuses([pair(*arguments, **more)])[0]


THREADS = """
import threading
total = []
def work(): total.append(1); barrier.wait()
barrier = threading.Barrier({n})
threads = [threading.Thread(target=work) for _ in range({n})]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
ECHO = "n = int(input())\n{}\nprint(n)"


HARMLESS = [
    "x = bytearray(600 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1",  # 600 MB, touched
    "import sys, threading\nsys.setrecursionlimit(10 ** 7)\nthreading.stack_size(512 << 20)\n"
    "t = threading.Thread(target=lambda: None)\nt.start()\nt.join()",
    "import threading\nthreading.stack_size(1 << 30)\nt = threading.Thread(target=print, kwargs={'end': ''})\nt.start()\nt.join()",
    THREADS.format(n=16),
    THREADS.format(n=40),
    "import multiprocessing\nwith multiprocessing.Pool(4) as pool: assert pool.map(abs, [-1, 2]) == [1, 2]",
    "import multiprocessing\ndef square(x): return x * x\n"
    "with multiprocessing.Pool(8) as pool: assert pool.map(square, range(9))[8] == 64",
    "from concurrent.futures import ProcessPoolExecutor\n"
    "with ProcessPoolExecutor(3) as pool: assert list(pool.map(len, ['a', 'bc'])) == [1, 2]",
    "import tempfile\nwith tempfile.TemporaryFile() as f: f.write(b'x' * (8 << 20))",
    "import os, tempfile\nd = tempfile.mkdtemp()\nopen(os.path.join(d, 'a'), 'w').close()",
    "import numpy as np\nassert int(np.arange(10).sum()) == 45",
    "from numpy.linalg import inv\nimport numpy\nassert abs(inv(numpy.eye(200))).sum() == 200",
    "import sys\nassert sys.argv == ['solution.py'] and '{' not in ''.join(sys.orig_argv)",
    "import sys\nassert not any('inside' in path for path in sys.path)",
    "try:\n    import worker\n    assert False\nexcept ImportError: pass",
    "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: 'int'\n    y: 'ClassVar[int]' = 0\nassert P(1).x == 1",
    "import pickle\nclass A: pass\nassert type(pickle.loads(pickle.dumps(A()))) is A",
    "assert __name__ == '__main__' and __file__",
    "import resource\ntry: resource.setrlimit(resource.RLIMIT_STACK, (-1, -1))\nexcept ValueError: pass",
    "from __future__ import annotations",
]  # fmt: skip


@pytest.mark.parametrize("work", HARMLESS)
def test_what_the_benchmarks_harness_lets_pass(judged, work):
    assert judged["harmless", HARMLESS.index(work)] == "right"


@pytest.mark.parametrize("megabytes", [1, 5, 40])
def test_large_output_is_right_or_wrong_like_any_other(megabytes):
    line = "x" * 99
    wanted = f"{line}\n" * (megabytes * 10_000)
    source = f"n = int(input())\nprint('\\n'.join(['{line}'] * n))"
    assert graded(source, [(str(megabytes * 10_000), wanted)]) == "right"
    assert graded(source, [(str(megabytes * 10_000 - 1), wanted)]) == "graded"


def test_a_large_value_of_a_function():
    wanted = json.dumps(list(range(700_000)))
    assert graded("def f(n): return list(range(n))", [("700000", wanted)], entry_point="f") == "right"
    assert graded("def f(n): return list(range(n + 1))", [("700000", wanted)], entry_point="f") == "graded"


TO_LIMITS = [
    ("x = bytearray(8 << 30)", {}, "limit: memory"),
    ("x = []\nwhile True: x.append(bytearray(100 << 20))", {"address_bytes": 512 << 20}, "limit: memory"),
    ("x = []\nwhile True: x.append('y' * (1 << 20) + str(len(x)))", ATCODER, "limit: memory"),
    ("x = b'1' * (1500 << 20)\nimport time; time.sleep(1)", ATCODER, "limit: memory"),
    ("x = b'1' * (1500 << 20)\nimport time; time.sleep(1)", {}, "right"),
    ("x = b'1' * (800 << 20)\nimport time; time.sleep(1)", ATCODER, "right"),
    # four processes of 400 MB each
    ("import os, time\nfor _ in range(3):\n    if not os.fork(): break\nx = b'1' * (400 << 20)\ntime.sleep(2)", ATCODER,
     "limit: memory"),
    # four that share 600 MB
    ("import os, time\nx = b'1' * (600 << 20)\nfor _ in range(3):\n    if not os.fork():\n        time.sleep(1)\n"
     "        os._exit(0)\ntime.sleep(1)", ATCODER, "right"),
    ("import numpy\nnumpy.ones(1 << 30)", {}, "limit: memory"),
    ("while True: print('x' * (1 << 20))", {}, "limit: output"),
    (THREADS.format(n=200), {}, "limit: processes"),
    ("import os\nwhile True:\n    if os.fork() == 0: os.read(os.pipe()[0], 1)", {}, "limit: processes"),
    ("f = [open('/dev/null') for _ in range(300)]", {}, "limit: files"),
    ("open('/tmp/x', 'wb').write(b'1' * (70 << 20))", {}, "limit: files"),
    ("for i in range(80): open(f'/tmp/{i}', 'wb').write(b'1' * (1 << 20))", {}, "limit: files"),
    ("raise ValueError", {}, "graded"),
    ("import os; os._exit(7)", {}, "graded"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(TO_LIMITS)))
def test_a_limit_that_ends_a_program_is_its_status(judged, number):
    assert judged["to limits", number] == TO_LIMITS[number][2], TO_LIMITS[number]


FUNCTIONS = [
    ("def f(n): return [0] * (1 << 40)", "limit: memory"),
    ("def f(n): return 'x' * (70 << 20)", "limit: output"),
    ("import threading, time\ndef f(n):\n"
     "    for _ in range(300): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()", "limit: processes"),
    ("def f(n): return n + 1", "graded"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_a_limit_that_ends_a_function_is_its_status(judged, number):
    assert judged["function", number] == FUNCTIONS[number][1]


@pytest.fixture(scope="module")
def judged():
    """(what, number) -> the status of a program of the lists above, judged one after another in few sandboxes."""
    pairs = {("harmless", number): pair(harmless(work)) for number, work in enumerate(HARMLESS)}
    pairs |= {("to limits", n): pair(ECHO.format(work), limits=limits) for n, (work, limits, _) in enumerate(TO_LIMITS)}
    pairs |= {("function", n): pair(source, [("1", "1")], entry_point="f") for n, (source, _) in enumerate(FUNCTIONS)}
    return dict(zip(pairs, statuses(list(pairs.values())), strict=True))


def harmless(work):
    return f"{work}\n{ECHO.format('')}" if "__future__" in work else ECHO.format(work)


def test_a_thread_that_a_limit_ends_does_not_make_a_right_answer_wrong():
    fails = "import threading\nt = threading.Thread(target=lambda: bytearray(9 << 30))\nt.start()\nt.join()"
    assert graded(ECHO.format(fails)) == "right"
    assert graded(f"n = int(input())\n{fails}") == "limit: memory"


def test_no_program_finds_what_another_wrote():
    write = "import os\nfor d in ('/tmp', '/dev/shm'):\n    os.mkdir(d + '/a')\n    open(d + '/a/b', 'w').write('3')\n"
    write += "    os.symlink('/usr', d + '/l')\n    os.chmod(d + '/a', 0)\nos.chmod('/tmp', 0)"
    look = "import os\nassert os.listdir('/tmp') == os.listdir('/dev/shm') == []\nopen('/tmp/x', 'w').close()"
    cases = [("3\n", "3\n")] * 3
    for first, second in ((write, write), (look, look), (write, look), (look, write)):
        assert graded(ECHO.format(first), cases) == "right"
        assert graded(ECHO.format(second), cases) == "right"
    assert graded(ECHO.format(f"{look}\n{write}"), cases) == "right"


def test_elsewhere_nothing_can_be_written():
    places = ["/x", "/usr/x", "/dev/x", "/inside/x", "/packages/x", "/packages/numpy/x"]
    attempt = (
        f"for place in {places}:\n    try: open(place, 'w')\n    except OSError: continue\n    raise ValueError(place)"
    )
    assert graded(ECHO.format(attempt)) == "right"


VALUES = {
    "Fraction": ("from fractions import Fraction\ndef f(x): return Fraction(1, 3) * x", "f(3) == 1 and f(1) * 3 == 1"),
    "Decimal": ("from decimal import Decimal\ndef f(x): return Decimal('0.10') * x", "f(3) == __import__('decimal').Decimal('.3')"),
    "keys": ("def f(x): return {1: 2, 3: 4}.keys()", "set(f(0)) == {1, 3} and f(0) == {1, 3} and list(f(0)) == [1, 3]"),
    "values": ("def f(x): return {1: 2, 3: 4}.values()", "sorted(f(0)) == [2, 4] and f(0) != [2, 4]"),
    "items": ("def f(x): return {1: 2}.items()", "set(f(0)) == {(1, 2)}"),
    "generator": ("def f(x):\n    yield from range(x)", "set(f(3)) == {0, 1, 2} and f(3) != [0, 1, 2]"),
    "map": ("def f(x): return map(str, range(x))", "tuple(f(2)) == ('0', '1')"),
    "range": ("def f(x): return range(x)", "f(3) == range(3) and f(3) != [0, 1, 2]"),
    "deque": ("from collections import deque\ndef f(x): return deque([x])", "list(f(1)) == [1] and f(1) != [1]"),
    "bytearray": ("def f(x): return bytearray(b'a')", "f(0) == b'a'"),
    "numpy number": ("import numpy as np\ndef f(x): return np.int64(x)", "f(3) == 3"),
    "numpy numbers": ("import numpy as np\ndef f(x): return [np.float32(0.5), np.bool_(True), np.float64(2)]",
                      "f(0) == [0.5, True, 2.0] and f(0)[1] is True"),
    "large integer": ("def f(x): return [10 ** 5000, -(1 << 63), (1 << 62) - 1]", "f(0) == [10 ** 5000, -(1 << 63), (1 << 62) - 1]"),
    "not numbers": ("def f(x): return [float('inf'), -float('inf'), float('nan'), -0.0]",
                    "f(0)[:2] == [float('inf'), -float('inf')] and f(0)[2] != f(0)[2] and str(f(0)[3]) == '-0.0'"),
}  # fmt: skip


def test_values_reach_the_tests_as_what_they_are():
    pairs = []
    for source, holds in VALUES.values():
        problem = {"id": "a", "source": "mbpp", "entry_point": "f", "answer": ""}
        pairs += [
            ({**problem, "tests": f"assert {holds}"}, source),
            ({**problem, "tests": f"assert not ({holds})"}, source),
        ]
    found = [grade.correct for grade in GRADERS["sandbox"].grade(pairs)]
    assert dict(zip(VALUES, found[::2], strict=True)) == dict.fromkeys(VALUES, True)
    assert not any(found[1::2])


def test_an_endless_generator_is_no_value():
    problem = {"id": "a", "source": "mbpp", "entry_point": "f", "answer": "", "tests": "assert f(1) == [1]"}
    (grade,) = GRADERS["sandbox"].grade([(problem, "def f(x):\n    while True: yield x")])
    assert not grade.correct


def test_atcoders_memory_stands_on_its_problems_lines():
    assert line_of(row(1))["limits"] == {"memory_bytes": 1024 * MIB}
    assert "limits" not in line_of(row(1, platform="leetcode"))
    assert BENCHMARK.limits["memory_bytes"] == 4096 * MIB


def test_limits_are_counted_in_the_grades(tmp_path):
    tests = [{"input": "3", "output": "3", "testtype": "stdin"}]
    problem = {"id": "a", "source": "livecodebench", "tests": tests, "answer": "", "limits": BENCHMARK.limits}
    works = ["pass", "x = bytearray(8 << 30)", "while True: print('x' * (1 << 20))", "raise ValueError"]
    samples = [
        Sample(id="a", repeat=number, seed=0, text=ECHO.format(work), tokens=1, stop_reason="stop")
        for number, work in enumerate(works)
    ]
    pairs = [(problem, sample) for sample in samples]
    score = grade_benchmark(pairs, len(works), "sandbox", [], tmp_path / "code.parquet")
    assert score.statuses == {"graded": 2, "limit: memory": 1, "limit: output": 1} and score.avg_at_k == 0.25
    (tmp_path / "scores.json").write_text(json.dumps({"code": score.model_dump()}))
    (record,) = read_scores(tmp_path, ["code"], "base").values()
    assert read_grades(tmp_path / "code.parquet", record, len(works), "base").count("limit") == 2


def test_what_needs_numpy_is_not_judged_without_it(monkeypatch):
    monkeypatch.setattr("stages.graders.code.numpy_folder", lambda: None)
    monkeypatch.setattr("stages.graders.sandbox.numpy_folder", lambda: None)
    assert graded(ECHO.format("import numpy")) == "error: no numpy for the sandbox"
    assert graded(ECHO.format("")) == "right"


def test_numpy_is_at_hand():
    assert numpy_folder() is not None and re.search(r", numpy [0-9]+([.][0-9]+)+$", availability.version())


def test_no_limit_of_a_benchmark_lets_a_grade_be_forged():
    """The attacks of test_sandbox_attacks.py, under the limits of the benchmarks."""
    limits = tuple(sorted({**PROTECTIVE, **dict(SHORT)}.items()))
    attacks = [*FORGERIES, FORKS.format(deed="pass").replace("x + 3 if", "0 if"), FORK_BOMB]
    results = run_programs([Program(source, TESTS, "solution", limits=limits) for source in [*attacks, RIGHT]])
    assert [result.status == "passed" for result in results] == [False] * len(attacks) + [True]
    stdin = [Program(source, CASES, "", style="stdin", limits=limits) for source in FORGERIES]
    assert not any(result.status == "passed" for result in run_programs(stdin))
