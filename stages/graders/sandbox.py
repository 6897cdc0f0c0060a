"""Runs programs written by a model in a bubblewrap sandbox, as an unprivileged user.

Inside there are the system's `/usr`, an interpreter and numpy, read-only, and nothing else: no other file of this
machine, no network, no other process, and nothing that can be written to, unless a benchmark asks for a bounded `/tmp` in
memory, which is emptied after each program. Memory, processor time, processes, output and file size are bounded
(`LIMITS`) for all processes of a program together, and so are the system calls (seccomp.py). As root the sandbox is entered
as uid 65534 through setpriv, because the kernel does not bound the processes of root. inside/supervisor.py says why a program
cannot forge its result, inside/tree.py why it cannot reach another one; availability.py says whether all this holds on this
machine.
"""

import functools
import json
import os
import secrets
import select
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from stages.graders.seccomp import filter_program
from stages.graders.use import Use

INSIDE = Path(__file__).with_name("inside")
NOBODY = 65534
# Of one program, where its benchmark says nothing else (stages/benchmarks). Its processor time is limited, so that it
# does not matter what else runs on the machine; wall-clock time is limited for what sleeps or hangs. Both begin when the
# program's interpreter is up. 6 s a case is LiveCodeBench's. `memory_bytes` is what all its processes hold together
# (use.py), `address_bytes` what one may reserve: a thread's stack counts in full there, however little of it is used.
# `processes` counts threads too, and the one that starts the program. `scratch_bytes` is what can be written to /tmp, and as
# much to /dev/shm; 0: nothing. `scratch_files` is this bench's choice: the kernel keeps a KiB for each.
LIMITS = {
    "seconds": 10, "case_seconds": 6, "wall_seconds": 30, "start_seconds": 60, "memory_bytes": 1 << 30,
    "address_bytes": 1 << 30, "supervisor_bytes": 2 << 30, "processes": 8, "files": 64, "file_bytes": 1 << 20,
    "output_bytes": 64 << 20, "scratch_bytes": 0, "scratch_files": 10_000,
}  # fmt: skip
BACKSTOP_SECONDS = 15  # beyond all of these, the supervisor itself hangs
WATCH_SECONDS = 0.1  # from one look at what a program uses to the next
# Beyond the processor time that a process may have itself, when its first limit, in whole seconds, may not have come yet.
TREE_SECONDS = 2


class Program(NamedTuple):
    """A solution and its tests.

    With style `asserts`, `tests` is Python source that calls `entry_point` and raises on a wrong answer; `preamble` is
    source that defines what else it calls. With `stdin` and `functional`, `tests` is a JSON list of cases
    {"input": text, "output": text}: standard input and output, or JSON (one argument a line, and the value). `limits` are
    (name, number) of those that are not as in LIMITS.
    """

    solution: str
    tests: str
    entry_point: str
    preamble: str = ""
    style: str = "asserts"
    limits: tuple[tuple[str, int], ...] = ()


class Result(NamedTuple):
    status: str  # "passed", "failed", "timeout" or "broken": the sandbox ended without an answer
    detail: str
    limit: str = ""  # that ended a failed program: memory, output, processes or files


def interpreter() -> Path | None:
    """A Python that the unprivileged user can reach: the running one, else the system's."""
    running = Path(os.path.realpath(sys.executable))
    folders = [running, *running.parents]
    if os.getuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in folders):
        return running
    system = Path(os.path.realpath("/usr/bin/python3"))
    return system if system.exists() else None


@functools.cache
def numpy_folder() -> Path | None:
    """The numpy that the sandbox's interpreter can import: this environment's, else that interpreter's own; None: none."""
    python, search = interpreter(), "import importlib.util as i; print((i.find_spec('numpy') or i).origin or '')"
    for candidate in (sys.executable, str(python)):
        if python is None or _version_of(candidate) != _version_of(str(python)):
            continue
        asked = subprocess.run([candidate, "-c", search], capture_output=True, text=True, check=False)
        folder = Path(asked.stdout.strip()).resolve().parent
        reachable = os.getuid() != 0 or all(above.stat().st_mode & 0o001 for above in (folder, *folder.parents))
        if asked.returncode == 0 and folder.name == "numpy" and reachable:
            return folder
    return None


@functools.cache
def _version_of(python: str) -> str:
    tell = "import sys; print(sys.implementation.cache_tag, sys.platform)"
    return subprocess.run([python, "-c", tell], capture_output=True, text=True, check=True).stdout


def command(python: Path, files: dict[str, int], limits: dict[str, int]) -> list[str]:
    """bubblewrap's command line; `files` (name -> descriptor) are what it reads from us."""
    prefix = python.parent.parent
    mounts = [folder for folder in ("/usr", "/lib", "/lib64") if Path(folder).exists()]
    if not prefix.is_relative_to("/usr"):
        mounts.append(str(prefix))
    numpy = numpy_folder()
    packages = [folder for folder in (numpy, numpy.with_name("numpy.libs")) if folder.is_dir()] if numpy else []
    scratch = ["--perms", "1777", "--size", str(limits["scratch_bytes"]), "--tmpfs"] if limits["scratch_bytes"] else []
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"]
    given = [word for name, fd in files.items() for word in ("--ro-bind-data", str(fd), f"/inside/{name}")]
    return [
        *(drop if os.getuid() == 0 else []),
        *("bwrap", "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--as-pid-1"),
        *("--hostname", "sandbox"),
        *(word for folder in mounts for word in ("--ro-bind", folder, folder)),
        *(word for folder in packages for word in ("--ro-bind", str(folder), f"/packages/{folder.name}")),
        *("--dev", "/dev", *given),
        *(word for folder in ("/tmp", "/dev/shm") if scratch for word in (*scratch, folder)),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/"),
        *("--clearenv", "--setenv", "PYTHONHASHSEED", "0", "--setenv", "LANG", "C.UTF-8"),
        # one thread each for numpy's linear algebra, as the benchmarks' own harnesses ask (OMP_NUM_THREADS)
        *(
            "--setenv",
            "OMP_NUM_THREADS",
            "1",
            "--setenv",
            "OPENBLAS_NUM_THREADS",
            "1",
            "--setenv",
            "PYTHONPATH",
            "/packages",
        ),
        *(str(python), "-S", "-s", "-B", "/inside/supervisor.py", json.dumps(limits)),
    ]


class Session:
    """One sandbox with one supervisor in it, running one program after another, all under the same limits."""

    def __init__(self, limits: tuple[tuple[str, int], ...] = ()) -> None:
        self.given, self.limits = limits, {**LIMITS, **dict(limits)}
        python = interpreter()
        assert python is not None, "availability.available() says so, with what to do"
        given = {path.name: _readable(path.read_bytes()) for path in sorted(INSIDE.glob("*.py"))}
        given["filter"] = _readable(filter_program())
        self.process = subprocess.Popen(
            command(python, given, self.limits),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            pass_fds=[*given.values()],
        )
        for descriptor in given.values():
            os.close(descriptor)
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self.stdin, self.stdout, self.stderr = self.process.stdin, self.process.stdout, self.process.stderr
        self.unread = b""
        self.use = Use(self.process.pid)
        self.next_look = 0.0

    def run(self, program: Program) -> Result:
        """Waits for the result. After "broken", or the detail "backstop" or "watch", the session is of no further use: stop it."""
        token, seconds = secrets.token_hex(16), self.limits["seconds" if program.style == "asserts" else "case_seconds"]
        try:
            self._write(json.dumps({"token": token, **program._asdict()}).encode() + b"\n")
        except BrokenPipeError:
            return Result("broken", "")
        self.next_look = monotonic() + WATCH_SECONDS
        answer = self._read_line(token, seconds)
        while answer is not None and answer["token"] == token and answer["status"] == "running":
            answer = self._read_line(token, seconds)  # one a test case: each has its own time
        if answer is None or answer["token"] != token:
            return Result("broken", "")
        return Result(answer["status"], answer["detail"], answer["limit"])

    def _read_line(self, token: str, seconds: int) -> dict[str, str] | None:
        """The supervisor's next message, or what the watch says of a program that uses too much; None if the sandbox has ended.

        `seconds` of processor time are what the program's processes may use together until that message.
        """
        begun = monotonic()
        deadline = begun + self.limits["start_seconds"] + self.limits["wall_seconds"] + BACKSTOP_SECONDS
        self.use.begin()
        while b"\n" not in self.unread:
            ready = select.select([self.stdout], [], [], WATCH_SECONDS)[0]
            if monotonic() > deadline:
                return {"token": token, "status": "timeout", "detail": "backstop", "limit": ""}
            if monotonic() > self.next_look and (excess := self._excess(seconds)):
                return {"token": token, "status": "failed", "detail": "watch", "limit": "", **excess}
            if not ready:
                continue
            part = self.stdout.read(1 << 16)
            if not part:
                return None
            self.unread += part
        line, self.unread = self.unread.split(b"\n", 1)
        return json.loads(line)

    def _excess(self, seconds: int) -> dict[str, str] | None:
        self.next_look = monotonic() + WATCH_SECONDS
        self.use.look()
        if self.use.memory_beyond(self.limits["memory_bytes"]):
            return {"limit": "memory"}
        return {"status": "timeout"} if self.use.seconds > seconds + TREE_SECONDS else None

    def _write(self, content: bytes) -> None:
        while content:
            content = content[self.stdin.write(content) :]

    def stop(self) -> str:
        """Kills the sandbox with all that is in it; returns what it wrote to standard error."""
        self.process.kill()
        error = self.stderr.read().decode(errors="replace")
        self.process.wait()
        for stream in (self.stdin, self.stdout, self.stderr):
            stream.close()
        return error


def _readable(content: bytes) -> int:
    """A descriptor from which `content` is read, once."""
    descriptor = os.memfd_create("inside")
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
