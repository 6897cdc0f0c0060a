"""Processes end with their supervisor, however they hide and however it ends."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from stages.common.files import held
from stages.common.supervise import MARK, ProcessFailed, supervised, wait

HIDER = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)"], start_new_session=True)
print("pid", os.getpid(), flush=True)
print("pid", child.pid, flush=True)
time.sleep(float(sys.argv[1]))
"""


def running(mark: str, log: Path) -> set[int]:
    """Processes with this mark among those below this one and those that HIDER has told the log of.

    Of a killed supervisor's processes some have left this tree.
    """
    pids = {process.pid for process in psutil.Process().children(recursive=True)}
    if log.exists():
        pids |= {int(pid) for pid in re.findall(r"^pid (\d+)$", log.read_text(), re.MULTILINE)}
    found = set()
    for pid in pids:
        try:
            process = psutil.Process(pid)
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.add(pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def test_a_detached_child_that_ignores_sigterm_ends_too(tmp_path):
    mark, log = f"test/{tmp_path}", tmp_path / "log"
    with supervised([sys.executable, "-c", HIDER, "0"], {}, log, mark) as process:
        wait(process, log, 30, lambda: None, poll=0.05)
        assert running(mark, log)  # the child outlives its parent ...
    assert not running(mark, log)  # ... but not the supervisor


def test_failure_names_the_log_and_shows_its_end(tmp_path):
    log = tmp_path / "run.log"
    command = [sys.executable, "-c", "import sys; print('line one'); sys.exit('out of luck')"]
    with (
        pytest.raises(ProcessFailed, match="status 1") as failure,
        supervised(command, {}, log, str(tmp_path)) as process,
    ):
        wait(process, log, 30, lambda: None, poll=0.05)
    assert str(log) in str(failure.value) and "out of luck" in str(failure.value)


def test_a_process_without_progress_is_ended(tmp_path):
    log, mark = tmp_path / "log", f"test/{tmp_path}"
    command = [sys.executable, "-c", HIDER, "300"]
    with pytest.raises(ProcessFailed, match="no progress"), supervised(command, {}, log, mark) as process:
        wait(process, log, 2, lambda: None, poll=0.05)
    assert len(re.findall("^pid ", log.read_text(), re.MULTILINE)) == 2  # both had started
    assert not running(mark, log)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_an_ended_supervisor_leaves_is_gone(tmp_path, by):
    """Ctrl-C and SIGTERM clean up at once; after kill −9 the next call with the same mark does."""
    mark, log = f"test/{tmp_path}", tmp_path / "log"
    program = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from stages.common.supervise import supervised, wait
        log = Path({str(log)!r})
        with supervised([sys.executable, "-c", {HIDER!r}, "300"], {{}}, log, {mark!r}) as process:
            print("started", flush=True)
            wait(process, log, 300, lambda: None)
    """)
    supervisor = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": "."},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore Ctrl-C
    )
    supervisor.stdout.readline()
    while len(running(mark, log)) < 2:
        time.sleep(0.05)
    supervisor.send_signal(by)
    supervisor.wait(timeout=30)
    if by is signal.SIGKILL:
        with supervised([sys.executable, "-c", ""], {}, log, mark) as process:
            process.wait()
    assert not running(mark, log)


def test_a_lock_is_held_by_one_process_and_ends_with_it(tmp_path):
    program = f"""
        import time
        from pathlib import Path
        from stages.common.files import held
        with held(Path({str(tmp_path / "lock")!r})) as mine:
            print(mine, flush=True)
            time.sleep(300)
    """
    holder = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "True\n"
    with held(tmp_path / "lock") as mine:
        assert not mine
    holder.kill()
    holder.wait()
    with held(tmp_path / "lock") as mine:
        assert mine


def test_a_goal_ends_the_waiting_but_not_the_process(tmp_path):
    log, counted = tmp_path / "log", iter(range(10))
    command = [sys.executable, "-c", "import sys; print(sys.stdin.readline()); input()"]
    with supervised(command, {}, log, f"test/{tmp_path}", stdin=subprocess.PIPE) as process:
        wait(process, log, 30, lambda: next(counted), poll=0.05, goal=3)
        assert process.poll() is None and next(counted) == 4
