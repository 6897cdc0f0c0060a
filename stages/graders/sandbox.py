"""Runs programs written by a model in a bubblewrap sandbox, as an unprivileged user.

Inside there is an interpreter with its standard library, read-only, and nothing else: no file of this machine, nothing
that can be written to, no network, no other process. Memory, processor time, processes and file size are bounded
(`LIMITS`). As root the sandbox is entered as uid 65534 through setpriv, because the kernel bounds no process of root's.
harness.py says why a program cannot forge its verdict.
"""

import functools
import json
import os
import secrets
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from stages.files import InputError

HARNESS = Path(__file__).with_name("harness.py")
NOBODY = 65534
# Of one program; its time runs from when its interpreter is up, so that a busy machine fails no program.
LIMITS = {
    "seconds": 10, "start_seconds": 60, "memory_bytes": 512 << 20, "processes": 8, "files": 64, "file_bytes": 1 << 20,
}  # fmt: skip
BACKSTOP_SECONDS = 15  # beyond all of these, the supervisor itself hangs
SANDBOXES = 2


class Program(NamedTuple):
    """`tests` calls `entry_point` and raises on a wrong answer; `preamble` defines what else it calls."""

    solution: str
    tests: str
    entry_point: str
    preamble: str = ""


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


def command(python: Path) -> list[str]:
    """bubblewrap's command line, up to and including the interpreter."""
    prefix = python.parent.parent
    mounts = [folder for folder in ("/usr", "/lib", "/lib64") if Path(folder).exists()]
    if not prefix.is_relative_to("/usr"):
        mounts.append(str(prefix))
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"]
    return [
        *(drop if os.getuid() == 0 else []),
        *("bwrap", "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--as-pid-1"),
        *(word for folder in mounts for word in ("--ro-bind", folder, folder)),
        *("--dev", "/dev", "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/"),
        *("--clearenv", "--setenv", "PYTHONHASHSEED", "0", "--setenv", "LANG", "C.UTF-8"),
        *(str(python), "-S", "-s", "-B"),
    ]


@functools.cache
def available() -> str | None:
    """None if programs can be run here, else the reason and the one line to type."""
    sudo = "" if os.getuid() == 0 else "sudo "
    packages = {"bwrap": "bubblewrap", **({"setpriv": "util-linux"} if os.getuid() == 0 else {})}
    for tool, package in packages.items():
        if shutil.which(tool) is None:
            return f"{tool} is not installed; type: {sudo}apt-get install -y {package}"
    if interpreter() is None:
        return f"no Python that an unprivileged user can reach; type: {sudo}apt-get install -y python3"
    session = _Session()
    try:
        result = session.run(Program(PROBE, "assert probe() == []", "probe"))
    finally:
        error = session.stop()
    if result.status == "passed":
        return None
    reason = error.strip().splitlines()[-1] if error.strip() else f"{result.status} {result.detail}".strip()
    return (
        f"the sandbox does not hold or start here ({reason}); type: "
        f"{sudo}sysctl -w user.max_user_namespaces=10000 kernel.apparmor_restrict_unprivileged_userns=0"
    )


# What must not work inside; returns what did.
PROBE = """
import os, resource, socket
def probe():
    broken = []
    if os.getuid() == 0: broken.append("runs as root")
    if any(map(os.path.exists, ("/etc/passwd", "/home", "/proc/1"))): broken.append("sees files")
    for folder in ("/", "/tmp", "/dev/shm", "/usr/lib"):
        try:
            open(folder + "/written", "w").close()
            broken.append("writes " + folder)
        except OSError: pass
    try:
        socket.create_connection(("1.1.1.1", 53), timeout=1)
        broken.append("reaches the network")
    except OSError: pass
    for limit in (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU):
        if resource.getrlimit(limit)[1] == resource.RLIM_INFINITY: broken.append("unlimited")
    children = []
    try:
        for _ in range(64):
            pid = os.fork()
            if pid == 0:
                import time; time.sleep(5); os._exit(0)
            children.append(pid)
        broken.append("forks without bound")
    except OSError: pass
    for child in children:
        os.kill(child, 9); os.waitpid(child, 0)
    return broken
"""


def version() -> str:
    """What decided a verdict: bubblewrap and the interpreter; "not installed" where `available` says so."""
    python = interpreter()
    if shutil.which("bwrap") is None or python is None:
        return "not installed"
    tools = [["bwrap", "--version"], [str(python), "--version"]]
    return ", ".join(subprocess.run(tool, capture_output=True, text=True, check=True).stdout.strip() for tool in tools)


def run_programs(programs: list[Program]) -> list[Result]:
    """One result a program, in order; equal programs are run once. Raises InputError where there is no sandbox."""
    if reason := available():
        raise InputError(reason)
    distinct = list(dict.fromkeys(programs))
    shares = [distinct[start::SANDBOXES] for start in range(SANDBOXES)]
    with ThreadPoolExecutor(SANDBOXES) as pool:
        results = dict(pair for pairs in pool.map(lambda share: list(_run_in_turn(share)), shares) for pair in pairs)
    return [results[program] for program in programs]


def _run_in_turn(programs: list[Program]) -> Iterator[tuple[Program, Result]]:
    session = None
    try:
        for program in programs:
            session = session or _Session()
            result = session.run(program)
            if result.status == "broken" or result.detail == "backstop":
                session.stop()
                session = None
            yield program, result
    finally:
        if session:
            session.stop()


class _Session:
    """One sandbox with one supervisor in it, running one program after another."""

    def __init__(self):
        self.process = subprocess.Popen(
            [*command(interpreter()), "-c", HARNESS.read_text(encoding="utf-8"), "supervisor", json.dumps(LIMITS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )

    def run(self, program: Program) -> Result:
        token = secrets.token_hex(16)
        try:
            self._write(json.dumps({"token": token, **program._asdict()}).encode() + b"\n")
        except BrokenPipeError:
            return Result("broken", "")
        deadline, answer = monotonic() + LIMITS["start_seconds"] + LIMITS["seconds"] + BACKSTOP_SECONDS, b""
        while not answer.endswith(b"\n"):
            if not select.select([self.process.stdout], [], [], max(0.0, deadline - monotonic()))[0]:
                return Result("timeout", "backstop")
            part = self.process.stdout.read(1 << 16)
            if not part:
                return Result("broken", "")
            answer += part
        content = json.loads(answer)
        if content["token"] != token:
            return Result("broken", "")
        return Result(content["status"], content["detail"])

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
