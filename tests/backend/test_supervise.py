"""Processes end with their supervisor, however they hide and however it ends."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from stages.common import supervise
from stages.common.files import held
from stages.common.supervise import ProcessFailed, supervised, wait
from tests.waiting import wait_for

# A child in a session of its own that ignores SIGTERM and carries no mark: vLLM's engine overwrites its environment.
HIDER = """
import os, subprocess, sys, time
ignore = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)"
child = subprocess.Popen([sys.executable, "-c", ignore], start_new_session=True, env={})
print("pid", os.getpid(), flush=True)
print("pid", child.pid, flush=True)
input() if sys.argv[1] == "until told" else time.sleep(float(sys.argv[1]))
"""


@pytest.fixture(scope="module", autouse=True)
def little_patience(tmp_path_factory):
    """What ignores the request to end is killed after one second instead of five; the watcher's file as it is otherwise."""
    watcher = tmp_path_factory.mktemp("watcher") / "watcher.py"
    text = supervise.WATCHER.read_text()
    assert text.count("PATIENCE = 5.0") == 1
    watcher.write_text(text.replace("PATIENCE = 5.0", "PATIENCE = 1.0"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supervise, "WATCHER", watcher)
        patch.setattr(supervise, "PATIENCE", 2.0)
        yield


def told(log: Path) -> list[psutil.Process]:
    """The processes that HIDER has told the log of, and that still run."""
    pids = re.findall(r"^pid (\d+)$", log.read_text(), re.MULTILINE) if log.exists() else []
    found = []
    for pid in map(int, pids):
        with suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    return [process for process in found if runs(process)]


def runs(process: psutil.Process) -> bool:
    """What has ended and waits to be reaped does not."""
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def test_a_detached_child_that_ignores_sigterm_ends_too(tmp_path):
    log = tmp_path / "log"
    command = [sys.executable, "-c", HIDER, "until told"]
    with supervised(command, {}, log, tmp_path / "mark", stdin=subprocess.PIPE) as process:
        wait_for(lambda: len(told(log)) == 2)
        process.communicate(b"\n")
        wait(process, log, 300, lambda: None, poll=0.05)
        assert not told(log)  # nothing outlives the process, nor the call


@pytest.mark.parametrize("status", [0, 3, -signal.SIGKILL, -signal.SIGTERM])
def test_the_status_is_the_commands(tmp_path, status):
    end = f"import os; os.kill(os.getpid(), {-status})" if status < 0 else f"raise SystemExit({status})"
    with supervised([sys.executable, "-c", end], {}, tmp_path / "log") as process:
        assert process.wait(300) == status


def test_a_command_that_is_not_there(tmp_path):
    with (
        pytest.raises(ProcessFailed, match="status 127(?s:.*)nowhere: No such file"),
        supervised([str(tmp_path / "nowhere")], {}, tmp_path / "log") as process,
    ):
        wait(process, tmp_path / "log", 300, lambda: None, poll=0.05)


def test_failure_names_the_log_and_shows_its_end(tmp_path):
    log = tmp_path / "run.log"
    command = [sys.executable, "-c", "import sys; print('line one'); sys.exit('out of luck')"]
    with (
        pytest.raises(ProcessFailed, match="status 1") as failure,
        supervised(command, {}, log, tmp_path / "mark") as process,
    ):
        wait(process, log, 300, lambda: None, poll=0.05)
    assert str(log) in str(failure.value) and "out of luck" in str(failure.value)


def test_a_process_without_progress_is_ended(tmp_path):
    log = tmp_path / "log"
    command = [sys.executable, "-c", HIDER, "300"]
    with (
        pytest.raises(ProcessFailed, match="no progress"),
        supervised(command, {}, log, tmp_path / "mark") as process,
    ):
        # patience begins when both have started
        wait(process, log, 2, lambda: len(told(log)) == 2 or time.monotonic(), poll=0.05)
    assert len(re.findall("^pid ", log.read_text(), re.MULTILINE)) == 2  # both had started
    assert not told(log)


def hears_its_ends() -> None:
    """A shell's background jobs ignore Ctrl-C, and those of `nohup` a closed terminal."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def supervisor(tmp_path):
    """A stage that supervises HIDER, and its log."""
    log = tmp_path / "log"
    program = textwrap.dedent(f"""
        from pathlib import Path
        import sys
        from stages.common import supervise
        from stages.common.command import run_stage
        from stages.common.supervise import supervised, wait
        supervise.WATCHER, supervise.PATIENCE = Path({str(supervise.WATCHER)!r}), {supervise.PATIENCE}
        def main(arguments):
            log = Path({str(log)!r})
            with supervised([sys.executable, "-c", {HIDER!r}, "300"], {{}}, log, Path({str(tmp_path / "mark")!r})) as process:
                wait(process, log, 300, lambda: None)
        run_stage(main)
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": "."},
        preexec_fn=hears_its_ends,
    )
    wait_for(lambda: len(told(log)) == 2)
    yield process, log
    for left in [process, *told(log)]:
        left.kill()


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_what_an_ended_supervisor_leaves_is_gone(supervisor, by):
    """Also after kill −9, and without another call."""
    process, log = supervisor
    watcher = psutil.Process(process.pid).children()[0]
    process.send_signal(by)
    process.wait(timeout=120)
    wait_for(lambda: not told(log) and not runs(watcher), 120)  # of their 300 s


def test_the_next_call_ends_what_a_killed_watcher_leaves(tmp_path, supervisor):
    """kill −9 of supervisor and watcher at once: what carries no mark is found by its output."""
    process, log = supervisor
    watcher = psutil.Process(process.pid).children()[0]
    process.send_signal(signal.SIGSTOP)  # so that it takes notice of nothing
    watcher.kill()
    process.kill()
    process.wait()
    wait_for(lambda: len(told(log)) == 1)  # the hidden one: the command dies with its watcher
    with supervised([sys.executable, "-c", ""], {}, tmp_path / "another log", tmp_path / "another mark") as other:
        other.wait()
    assert len(told(log)) == 1  # of other work
    with supervised([sys.executable, "-c", ""], {}, tmp_path / "another log", tmp_path / "mark") as other:
        other.wait()
    assert not told(log)


def test_a_supervisor_ends_what_a_killed_watcher_leaves(tmp_path):
    log = tmp_path / "log"
    with supervised([sys.executable, "-c", HIDER, "300"], {}, log, tmp_path / "mark") as process:
        wait_for(lambda: len(told(log)) == 2)
        process.kill()
        process.wait()
        assert told(log)
    assert not told(log)


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
    with supervised(command, {}, log, tmp_path / "mark", stdin=subprocess.PIPE) as process:
        wait(process, log, 300, lambda: next(counted), poll=0.05, goal=3)
        assert process.poll() is None and next(counted) == 4
