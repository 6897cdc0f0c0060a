"""Whether the sandbox starts and holds on this machine: asked once, before any program is run in it."""

import functools
import os
import platform
import shutil
import subprocess
from importlib.metadata import PathDistribution

from stages.benchmarks.base import PROTECTIVE
from stages.graders.sandbox import Program, Session, interpreter, numpy_folder
from stages.graders.seccomp import MACHINES


@functools.cache
def available() -> str | None:
    """None if programs can be run here, else the reason and the one line to type."""
    sudo = "" if os.getuid() == 0 else "sudo "
    packages = {"bwrap": "bubblewrap", **({"setpriv": "util-linux"} if os.getuid() == 0 else {})}
    for tool, package in packages.items():
        if shutil.which(tool) is None:
            return f"{tool} is not installed; type: {sudo}apt-get install -y {package}"
    if platform.machine() not in MACHINES:
        return f"the filter of system calls knows {' and '.join(MACHINES)}, not {platform.machine()}; grade on one of those"
    if interpreter() is None:
        return f"no Python that an unprivileged user can reach; type: {sudo}apt-get install -y python3"
    for limits, writable in (((), []), (tuple(PROTECTIVE.items()), ["/tmp", "/dev/shm"])):
        session = Session(limits)
        try:
            result = session.run(Program(PROBE, f"assert probe({writable}) == []", "probe", limits=limits))
        finally:
            error = session.stop()
        if result.status != "passed":
            reason = error.strip().splitlines()[-1] if error.strip() else f"{result.status} {result.detail}".strip()
            return (
                f"the sandbox does not hold or start here ({reason}); type: "
                f"{sudo}sysctl -w user.max_user_namespaces=10000 kernel.apparmor_restrict_unprivileged_userns=0"
            )
    return None


# What must not work inside, but for writing to some folders; returns what did.
PROBE = """
import ctypes, os, resource, socket
def probe(writable):
    broken = []
    libc = ctypes.CDLL(None)
    if libc.shmget(0, 4096, 0o600) >= 0 or libc.unshare(0x10000000) == 0: broken.append("refuses no system call")
    if os.getuid() == 0: broken.append("runs as root")
    if any(map(os.path.exists, ("/etc/passwd", "/home", "/proc/1"))): broken.append("sees files")
    for folder in ("/", "/tmp", "/dev/shm", "/usr/lib"):
        try:
            open(folder + "/written", "w").close()
            if folder not in writable: broken.append("writes " + folder)
        except OSError: pass
    try:
        socket.create_connection(("1.1.1.1", 53), timeout=1)
        broken.append("reaches the network")
    except OSError: pass
    for limit in (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU):
        if resource.getrlimit(limit)[1] == resource.RLIM_INFINITY: broken.append("unlimited")
    children = []
    try:
        for _ in range(256):
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
    """What runs the programs: bubblewrap, the interpreter and its numpy with their versions, or "not installed"."""
    python = interpreter()
    if shutil.which("bwrap") is None or python is None:
        return "not installed"
    tools = [["bwrap", "--version"], [str(python), "--version"]]
    found = [subprocess.run(tool, capture_output=True, text=True, check=True).stdout.strip() for tool in tools]
    numpy = numpy_folder()
    records = sorted(numpy.parent.glob("numpy-*-info")) if numpy else []
    return ", ".join([*found, f"numpy {PathDistribution(records[0]).version}" if records else "no numpy"])
