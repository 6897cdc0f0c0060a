"""What is started by the program that `forking` gives runs as under Python, in a fork of one process."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import psutil
import pytest

from stages.backend.forked import NUMBER
from stages.backend.forking import forking, without_options
from tests.project import ROOT

IMPORTED = "colorsys"  # which nothing else imports


@pytest.fixture(scope="module")
def python():
    with pytest.MonkeyPatch.context() as patch, forking(IMPORTED) as program:
        patch.setenv("PYTHONPATH", str(ROOT))
        # the process that forks keeps the standard error of the first, which a pipe would wait for
        subprocess.run([program, "-c", ""], check=True, stderr=subprocess.DEVNULL)
        yield program
        forks = psutil.Process(int(ran(program, "-c", "import os; print(os.getppid())").stdout))
        forks.kill()  # in a session its watcher does


def ran(python, *arguments, **options) -> subprocess.CompletedProcess:
    return subprocess.run([python, *arguments], capture_output=True, text=True, **options)


def test_it_has_the_modules_and_what_it_is_handed(python, tmp_path):
    code = f"import os, sys; print({IMPORTED!r} in sys.modules, sys.argv, os.getcwd(), os.environ['OURS'], sys.stdin.read())"
    done = ran(python, "-c", code, "an argument", input="typed", cwd=tmp_path, env=os.environ | {"OURS": "1"})
    assert done.stdout == f"True ['-c', 'an argument'] {tmp_path} 1 typed\n" and done.returncode == 0


def test_two_are_forks_of_one_process(python):
    code = "import os; print(os.getppid(), os.getpid())"
    (parent, one), (other_parent, other) = (ran(python, "-c", code).stdout.split() for _ in range(2))
    assert parent == other_parent and one != other


def test_files_and_modules_run_as_main(python, tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import sys; print(__name__, sys.argv)")
    assert ran(python, program, "1").stdout == f"__main__ ['{program}', '1']\n"
    assert ran(python, "-m", "json.tool", input="[1]").stdout == "[\n    1\n]\n"


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("raise SystemExit", 0, ""),
        ("raise SystemExit(3)", 3, ""),
        ("raise SystemExit('out of luck')", 1, "out of luck\n"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL, ""),
        ("import atexit, sys; atexit.register(print, 'at its end', file=sys.stderr)", 0, "at its end\n"),
    ],
)
def test_it_ends_as_python_does(python, code, status, said):
    done = ran(python, "-c", code)
    assert done.returncode == status and done.stderr.endswith(said)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGUSR1, signal.SIGKILL])
def test_what_ends_the_program_ends_the_fork(python, by):
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(300)"
    with subprocess.Popen(
        [python, "-c", code], stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
    ) as program:
        fork = psutil.Process(int(program.stdout.readline()))
        program.send_signal(by)
        assert program.wait() == -by
    fork.wait(timeout=30)


def test_it_goes_on_when_programs_and_forks_end_at_once(python):
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(300)"
    for _ in range(20):
        with subprocess.Popen([python, "-c", code], stdout=subprocess.PIPE, text=True) as program:
            fork = int(program.stdout.readline())
            os.kill(fork, signal.SIGKILL)
            program.kill()
    assert ran(python, "-c", "print('here')").stdout == "here\n"


def test_the_end_of_a_process_group_is_that_of_one_fork(python):
    """As Ray ends a worker: with its group."""
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(300)"
    with (
        subprocess.Popen([python, "-c", code], stdout=subprocess.PIPE, text=True) as ended,
        subprocess.Popen([python, "-c", code], stdout=subprocess.PIPE, text=True) as other,
    ):
        of_other = psutil.Process(int(other.stdout.readline()))
        os.killpg(os.getpgid(int(ended.stdout.readline())), signal.SIGKILL)
        assert ended.wait() == -signal.SIGKILL
        assert ran(python, "-c", "print('here')").stdout == "here\n" and of_other.is_running()
        other.kill()


def test_many_files_keep_their_numbers(python):
    """Numbers are taken over also where those that stand for them on the way are others' goals."""
    pipes = [os.pipe() for _ in range(40)]
    numbers = [write for _, write in pipes]
    code = "import os, sys; [os.write(int(number), number.encode()) for number in sys.argv[1:]]"
    subprocess.run([python, "-c", code, *map(str, numbers)], pass_fds=numbers, check=True)
    for read, write in pipes:
        assert os.read(read, 10) == str(write).encode()
        os.close(read)
        os.close(write)


def test_it_goes_on_when_somebody_asks_for_half(python):
    for said in (b"", NUMBER.pack(100)[:2], NUMBER.pack(100) + b"[["):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(Path(python).with_name("socket")))
            connection.sendall(said)
    assert ran(python, "-c", "print('here')").stdout == "here\n"


def test_multiprocessing_spawns_forks(python, tmp_path):
    """As vLLM starts its engine: a pipe by its number, and the program's own module imported once more."""
    program = tmp_path / "program.py"
    program.write_text(
        "import multiprocessing, os, sys\n"
        "def work(pipe):\n"
        f"    pipe.send(({IMPORTED!r} in sys.modules, os.getppid()))\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    ours, theirs = context.Pipe()\n"
        "    process = context.Process(target=work, args=(theirs,))\n"
        "    process.start()\n"
        "    print(ours.recv() == (True, os.getppid()))\n"
        "    process.join()\n"
        "    print(process.exitcode)\n"
    )
    assert ran(python, program).stdout == "True\n0\n"


def test_a_module_that_is_not_there_is_told():
    with forking("no_such_module") as program:
        done = ran(program, "-c", "", env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 1 and "No module named 'no_such_module'" in done.stderr


def test_options_of_python_are_left_out():
    assert without_options(["-B", "-X", "dev", "-Wdefault", "-c", "code", "-B"]) == ["-c", "code", "-B"]
    assert without_options(["-W", "error", "program.py", "-c"]) == ["program.py", "-c"]
