"""Worker processes under hard limits: what a call may do, and what is left when it or its parent ends."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from stages.common.files import InputError
from stages.graders import workers
from stages.graders.workers import Unfinished, call_in_workers
from tests.project import EVALUATION_PYTHON, ROOT

pytestmark = pytest.mark.processes


@pytest.fixture(autouse=True)
def short_limits(monkeypatch):
    monkeypatch.setattr(workers, "LIMIT_SECONDS", 3.0)
    monkeypatch.setattr(workers, "LIMIT_BYTES", 1 << 30)


def load_nothing():
    pass


def load_slowly():
    time.sleep(4)


def load_and_die():
    os._exit(3)


def behave(what):
    """Called in a worker."""
    if what == "sleep":
        time.sleep(60)
    elif what == "hang":  # within one call into C code, which Python's own signal handlers cannot interrupt
        return 9 ** (9**9)
    elif what == "allocate":
        return len(bytearray(4 << 30))
    elif what == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "segmentation fault":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif what == "raise":
        raise Unpicklable("of a library", where="nowhere")
    elif what == "name the field":
        raise InputError("gold: correct it")
    return what.upper()


class Unpicklable(Exception):
    def __init__(self, text, *, where):
        super().__init__(text)
        self.where, self.reading = where, lambda: text


@pytest.mark.parametrize(
    "what, status",
    [
        ("sleep", "timeout"),
        ("hang", "timeout"),
        ("stop", "timeout"),
        ("allocate", "error: MemoryError"),
        ("die", "error: worker died"),
        ("segmentation fault", "error: worker died"),
        ("raise", "error: Unpicklable"),
    ],
)
def test_what_goes_wrong_is_named_and_touches_nothing_else(what, status):
    given = ["a", what, "b", what, "c", "d"]
    outcomes = call_in_workers(behave, given, load_nothing)
    assert outcomes == ["A", Unfinished(status), "B", Unfinished(status), "C", "D"]


def test_an_input_error_is_raised_and_what_waits_is_dropped():
    started = time.monotonic()
    with pytest.raises(InputError, match="gold: correct it"):
        call_in_workers(behave, ["a", "name the field", *["sleep"] * 1000, *["x" * 1000] * 50_000], load_nothing)
    assert time.monotonic() - started < 600  # those that sleep would take 1500 s to their limit
    assert workers_left() == []


def workers_left():
    """Command lines of workers below this process; what has ended and waits to be reaped is none."""
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            found.append(" ".join(child.cmdline()))
        except psutil.NoSuchProcess:  # of which psutil's ZombieProcess is one
            continue
    return [command for command in found if "spawn_main" in command]


def test_no_worker_is_left_and_none_is_started_for_nothing():
    assert call_in_workers(behave, [], load_and_die) == []
    assert call_in_workers(behave, ["a"], load_nothing) == ["A"]
    assert workers_left() == []


def test_the_start_of_a_worker_is_not_part_of_the_first_call():
    assert call_in_workers(behave, ["a", "b", "c"], load_slowly) == ["A", "B", "C"]


def test_workers_that_do_not_start_are_an_error():
    with pytest.raises(InputError, match="did not start"):
        call_in_workers(behave, ["a", "b"], load_and_die)


def test_a_worker_that_hangs_before_its_first_call_is_an_error(monkeypatch):
    monkeypatch.setattr(workers, "START_SECONDS", 1.0)
    with pytest.raises(InputError, match="did not start"):
        call_in_workers(behave, ["a"], load_slowly)
    assert workers_left() == []


def append_and_return(given):
    """Called in a worker: leaves a trace of the call."""
    number, folder = given
    with (Path(folder) / "calls").open("a") as stream:
        stream.write(f"{number}\n")
    return number


def test_each_input_is_called_once_and_outcomes_keep_their_order(tmp_path):
    given = [(number, str(tmp_path)) for number in range(500)]
    assert call_in_workers(append_and_return, given, load_nothing) == list(range(500))
    calls = Counter((tmp_path / "calls").read_text().split())
    assert len(calls) == 500 and set(calls.values()) == {1}


def with_its_workers(parent: subprocess.Popen, expected: int) -> list[psutil.Process]:
    """All that `parent` has started, once it has started as many."""
    process, deadline = psutil.Process(parent.pid), time.monotonic() + 300
    while len(started := process.children(recursive=True)) < expected and time.monotonic() < deadline:
        time.sleep(0.05)
    return started


@pytest.fixture(scope="module")
def orphans():
    """What workers do -> those that a killed parent had, and those that are left of them: all wait beside each other."""
    started = {}
    for what in ("sleep", "hang", "a"):
        program = (
            "from stages.graders import workers; from tests.graders.test_workers import behave, load_nothing\n"
            "workers.LIMIT_SECONDS = 2.0\n"
            f"workers.call_in_workers(behave, [{what!r}, 'sleep'], load_nothing)"
        )
        parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.DEVNULL)
        started[what] = with_its_workers(parent, 3)  # with spawn's tracker
        time.sleep(1)  # they are at work
        parent.kill()
        parent.wait()
    return {what: (processes, psutil.wait_procs(processes, timeout=60)[1]) for what, processes in started.items()}


@pytest.mark.parametrize("what", ["sleep", "hang", "a"])
def test_no_worker_outlives_a_parent_that_is_killed(orphans, what):
    """A worker that waits ends with its pipe; one that hangs is ended by its own alarm, 5 s after its limit."""
    started, alive = orphans[what]
    assert len(started) == 3 and alive == []


def test_the_grader_ends_with_its_command(tmp_path):
    """`kill -9` of a command that grades leaves no worker comparing."""
    line = '{"problem": {"answer": "9"}, "text": "\\\\boxed{9^{9^{9^9}}}"}\n'
    parent = subprocess.Popen(
        [EVALUATION_PYTHON, "-m", "stages.graders", "math_verify"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    parent.stdin.write(line.encode())
    parent.stdin.close()
    started = with_its_workers(parent, 2)
    time.sleep(3)  # one of them compares
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(started, timeout=60)
    assert len(started) == 2 and alive == []
