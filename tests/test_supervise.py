"""Processes end with their supervisor, however they hide and however it ends."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from stages.supervise import MARK, ProcessFailed, supervised, wait

HIDER = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)"], start_new_session=True)
print("child", child.pid, flush=True)
time.sleep(float(sys.argv[1]))
"""


def running(mark):
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def test_a_detached_child_that_ignores_sigterm_ends_too(tmp_path):
    mark = f"test/{tmp_path}"
    with supervised([sys.executable, "-c", HIDER, "0"], {}, tmp_path / "log", mark) as process:
        wait(process, tmp_path / "log", 30, lambda: None, poll=0.05)
        assert running(mark)  # the child outlives its parent ...
    assert not running(mark)  # ... but not the supervisor


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
    with pytest.raises(ProcessFailed, match="no progress"):
        with supervised([sys.executable, "-c", HIDER, "300"], {}, tmp_path / "log", str(tmp_path)) as process:
            wait(process, tmp_path / "log", 2, lambda: None, poll=0.05)
    assert not running(str(tmp_path))


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_an_ended_supervisor_leaves_is_gone(tmp_path, by):
    """Ctrl-C and SIGTERM clean up at once; after kill −9 the next call with the same mark does."""
    mark = f"test/{tmp_path}"
    program = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from stages.supervise import supervised, wait
        with supervised([sys.executable, "-c", {HIDER!r}, "300"], {{}}, Path({str(tmp_path / "log")!r}), {mark!r}) as process:
            print("started", flush=True)
            wait(process, Path({str(tmp_path / "log")!r}), 300, lambda: None)
    """)
    supervisor = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": "."},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore Ctrl-C
    )
    supervisor.stdout.readline()
    while len(running(mark)) < 2:
        time.sleep(0.05)
    supervisor.send_signal(by)
    supervisor.wait(timeout=30)
    if by is signal.SIGKILL:
        with supervised([sys.executable, "-c", ""], {}, tmp_path / "log", mark) as process:
            process.wait()
    assert not running(mark)
