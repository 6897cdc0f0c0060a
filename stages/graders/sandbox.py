"""Runs programs written by a model in a bubblewrap sandbox, as an unprivileged user.

Inside there are the system's `/usr` and an interpreter, read-only, and nothing else: no other file of this machine,
nothing that can be written to, no network, no other process. Memory, processor time, processes and file size are
bounded (`LIMITS`), and so are the system calls (seccomp.py). As root the sandbox is entered as uid 65534 through
setpriv, because the kernel bounds no process of root's. inside/supervisor.py says why a program cannot forge its
verdict; availability.py says whether all this holds on this machine.
"""

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

INSIDE = Path(__file__).with_name("inside")
NOBODY = 65534
# Of one program. Processor time is limited, which no other program's running uses up; the limits of wall-clock time are
# for what sleeps or hangs. Both begin when the program's interpreter is up. 6 s a case is LiveCodeBench's own limit.
LIMITS = {
    "seconds": 10, "case_seconds": 6, "wall_seconds": 30, "start_seconds": 60, "memory_bytes": 512 << 20,
    "supervisor_bytes": 2 << 30, "processes": 8, "files": 64, "file_bytes": 1 << 20,
}  # fmt: skip
BACKSTOP_SECONDS = 15  # beyond all of these, the supervisor itself hangs


class Program(NamedTuple):
    """A solution and its tests: Python source, or for the styles `stdin` and `functional` a JSON list of cases.

    Source calls `entry_point` and raises on a wrong answer; `preamble` defines what else it calls. A case is
    {"input": text, "output": text}: standard input and output, or JSON (arguments one a line, and the value).
    """

    solution: str
    tests: str
    entry_point: str
    preamble: str = ""
    style: str = "asserts"


class Result(NamedTuple):
    status: str  # "passed", "failed", "timeout" or "broken": the sandbox ended without an answer
    detail: str


def interpreter() -> Path | None:
    """A Python that the unprivileged user can reach: the running one, else the system's."""
    running = Path(os.path.realpath(sys.executable))
    folders = [running, *running.parents]
    if os.getuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in folders):
        return running
    system = Path(os.path.realpath("/usr/bin/python3"))
    return system if system.exists() else None


def command(python: Path, seccomp: int, files: dict[str, int]) -> list[str]:
    """bubblewrap's command line; `seccomp` and `files` (name -> descriptor) are what it reads from us."""
    prefix = python.parent.parent
    mounts = [folder for folder in ("/usr", "/lib", "/lib64") if Path(folder).exists()]
    if not prefix.is_relative_to("/usr"):
        mounts.append(str(prefix))
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"]
    given = [word for name, fd in files.items() for word in ("--ro-bind-data", str(fd), f"/inside/{name}")]
    return [
        *(drop if os.getuid() == 0 else []),
        *("bwrap", "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--as-pid-1"),
        *(word for folder in mounts for word in ("--ro-bind", folder, folder)),
        *("--dev", "/dev", *given, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/"),
        *("--clearenv", "--setenv", "PYTHONHASHSEED", "0", "--setenv", "LANG", "C.UTF-8"),
        *("--seccomp", str(seccomp), str(python), "-S", "-s", "-B", "/inside/supervisor.py", json.dumps(LIMITS)),
    ]


class Session:
    """One sandbox with one supervisor in it, running one program after another."""

    def __init__(self):
        given = {path.name: _readable(path.read_bytes()) for path in sorted(INSIDE.glob("*.py"))}
        seccomp = _readable(filter_program())
        self.process = subprocess.Popen(
            command(interpreter(), seccomp, given),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            pass_fds=[seccomp, *given.values()],
        )
        for descriptor in (seccomp, *given.values()):
            os.close(descriptor)
        self.unread = b""

    def run(self, program: Program) -> Result:
        token = secrets.token_hex(16)
        try:
            self._write(json.dumps({"token": token, **program._asdict()}).encode() + b"\n")
        except BrokenPipeError:
            return Result("broken", "")
        answer = self._read_line(token)
        while answer is not None and answer["token"] == token and answer["status"] == "running":
            answer = self._read_line(token)  # one a test case: each has its own time
        if answer is None or answer["token"] != token:
            return Result("broken", "")
        return Result(answer["status"], answer["detail"])

    def _read_line(self, token: str) -> dict[str, str] | None:
        """The supervisor's next word; None if the sandbox has ended."""
        seconds = LIMITS["start_seconds"] + LIMITS["wall_seconds"] + BACKSTOP_SECONDS
        deadline = monotonic() + seconds
        while b"\n" not in self.unread:
            if not select.select([self.process.stdout], [], [], max(0.0, deadline - monotonic()))[0]:
                return {"token": token, "status": "timeout", "detail": "backstop"}
            part = self.process.stdout.read(1 << 16)
            if not part:
                return None
            self.unread += part
        line, self.unread = self.unread.split(b"\n", 1)
        return json.loads(line)

    def _write(self, content: bytes) -> None:
        while content:
            content = content[self.process.stdin.write(content) :]

    def stop(self) -> str:
        """Kills the sandbox with all that is in it; returns what it wrote to standard error."""
        self.process.kill()
        error = self.process.stderr.read().decode(errors="replace")
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        return error


def _readable(content: bytes) -> int:
    """A descriptor from which `content` is read, once."""
    descriptor = os.memfd_create("inside")
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
