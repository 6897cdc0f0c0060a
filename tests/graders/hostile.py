"""Programs that attack: their neighbours, the limits, the grade. And four that behave, which must not notice.

Every attack is bounded in itself as well (so many forks, so many bytes), so that a broken sandbox harms no machine. None
answers rightly: one that passes has forged its grade.
"""

import json

from stages.graders.sandbox import Program

TESTS = "assert solution(2) == 5\nassert solution(-3) == 0\n"
WRONG = "\ndef solution(x): return 0\n"
OTHERS = "[pid for pid in (1, os.getppid(), *range(2, 40)) if pid != os.getpid()]"
C = "import ctypes, os, struct\nlibc = ctypes.CDLL(None, use_errno=True)\n"
BURN = "def burn(seconds):\n    end = time.process_time() + seconds\n    while time.process_time() < end: pass\n"

TO_NEIGHBOURS = {
    "takes limits from others with prlimit": f"""
import os, resource
for pid in {OTHERS}:
    for kind in range(16):
        for value in ((0, 0), (1, 1)):
            try: resource.prlimit(pid, kind, value)
            except (OSError, ValueError): pass""",
    "takes their processor time and stack alone": f"""
import os, resource
for pid in {OTHERS}:
    for kind in (resource.RLIMIT_CPU, resource.RLIMIT_STACK, resource.RLIMIT_NOFILE):
        try: resource.prlimit(pid, kind, (1, 1))
        except (OSError, ValueError): pass""",
    "makes all processes of its user slow": f"""
import os
for which in (os.PRIO_USER, os.PRIO_PGRP, os.PRIO_PROCESS):
    for who in [0, os.getuid(), *{OTHERS}]:
        try: os.setpriority(which, who, 19)
        except OSError: pass""",
    "gives others one processor": f"""
import os
for pid in {OTHERS}:
    try: os.sched_setaffinity(pid, [0])
    except OSError: pass""",
    "gives others the idle class": f"""
import os
for pid in {OTHERS}:
    try: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    except OSError: pass""",
    "gives its user's input and output the idle class": f"""{C}
for which, who in ((1, 0), (2, 0), (3, 0), (3, os.getuid()), (1, 1), (1, os.getppid())):
    libc.syscall(251, which, who, 3 << 13)""",
    "a storm of alarms": """
import os, signal
for _ in range(20_000):
    for pid in (1, os.getppid()):
        try: os.kill(pid, signal.SIGALRM)
        except OSError: pass""",
    "kills everything": """
import os, signal
for pid in (1, os.getppid(), -1, 0):
    try: os.kill(pid, signal.SIGKILL)
    except OSError: pass""",
    "stops everything": """
import os, signal
for pid in (1, os.getppid(), *range(2, 40), -1):
    try: os.kill(pid, signal.SIGSTOP)
    except OSError: pass""",
    "every signal to every process": f"""
import os
for pid in {OTHERS}:
    for number in range(1, 65):
        try: os.kill(pid, number)
        except OSError: pass""",
    "leaves a daemon that burns": f"""
import os, time
{BURN}
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in range(3): os.close(fd)
        burn(20)
    os._exit(0)""",
    "leaves a daemon that kills": """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for _ in range(2000):
            time.sleep(0.005)
            try: os.kill(-1, signal.SIGKILL)
            except OSError: pass
    os._exit(0)""",
    "closes folders behind it": """
import os
for folder in ("/tmp", "/dev/shm", "/", "/inside"):
    try:
        os.makedirs(folder + "/a/b/c", exist_ok=True)
        os.symlink("/usr", folder + "/a/l")
        os.chmod(folder + "/a/b", 0); os.chmod(folder, 0)
    except OSError: pass""",
    "changes the name of the machine": f"""{C}
libc.sethostname(b"x", 1); libc.setdomainname(b"x", 1); libc.chroot(b"/tmp")""",
}
TO_LIMITS = {
    "ignores the end of its time": """
import signal
signal.signal(signal.SIGXCPU, signal.SIG_IGN)
while True: pass""",
    "raises its time to the hard limit": """
import resource, signal
signal.signal(signal.SIGXCPU, signal.SIG_IGN)
hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))
while True: pass""",
    "a chain of processes, each with time of its own": f"""
import os, time
{BURN}
for _ in range(40):
    if os.fork(): os._exit(0)
    burn(0.5)""",
    "a chain that nobody waits for": f"""
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
{BURN}
for _ in range(40):
    if os.fork() == 0:
        burn(0.5)
        os._exit(0)
    time.sleep(0.4)""",
    "a hundred short processes": f"""
import os, time
{BURN}
for _ in range(400):
    if os.fork() == 0:
        burn(0.05)
        os._exit(0)
    os.wait()""",
    "many processes that burn at once": f"""
import os, time
{BURN}
for _ in range(5):
    try:
        if os.fork() == 0: break
    except OSError: pass
burn(30)""",
    "threads that burn at once": """
import threading
def work():
    while True: pass
for _ in range(4): threading.Thread(target=work).start()""",
    "memory multiplied by children": """
import os, time
for _ in range(4):
    if os.fork() == 0: break
x = b"1" * (600 << 20)
time.sleep(3)""",
    "memory that children share with nobody": """
import mmap, os, time
for _ in range(4):
    if os.fork() == 0: break
held = mmap.mmap(-1, 600 << 20)
for i in range(0, len(held), 4096): held[i] = 1
time.sleep(3)""",
    "shared memory that one holds after the other": """
import mmap, os, time
held = []
for _ in range(4):
    if os.fork() == 0:
        time.sleep(3)
        os._exit(0)
    held = [mmap.mmap(-1, 500 << 20)]
    for i in range(0, len(held[0]), 4096): held[0][i] = 1
time.sleep(3)""",
    "memory of one process": "x = []\nfor _ in range(4096): x.append(bytearray(b'1' * (1 << 20)))",
    "memory in buffers of the loopback": """
import socket, time
listener = socket.create_server(("127.0.0.1", 0))
held = []
for _ in range(25):
    a = socket.create_connection(listener.getsockname()); b, _ = listener.accept()
    for s in (a, b):
        s.setblocking(False)
        try:
            while True: s.send(b"x" * (1 << 16))
        except OSError: pass
    held += [a, b]
time.sleep(3)""",
    "memory in buffers between processes": """
import os, socket, time
for _ in range(5):
    try:
        if os.fork() == 0: break
    except OSError: pass
held = []
try:
    for _ in range(28):
        pair = socket.socketpair()
        for s in pair:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 24)
            s.setblocking(False)
            try:
                while True: s.send(b"x" * (1 << 16))
            except BlockingIOError: pass
        held += pair
except OSError: pass
time.sleep(3)""",
    "memory in pipes": """
import fcntl, os, time
held = []
try:
    for _ in range(28):
        r, w = os.pipe()
        fcntl.fcntl(w, 1031, 1 << 20)
        os.set_blocking(w, False)
        held += [r, w]
        os.write(w, b"x" * (1 << 20))
except OSError: pass
time.sleep(3)""",
    "memory of other kinds": f"""{C}
assert libc.syscall(319, b"x", 0) < 0 and libc.syscall(447, 0) < 0 and libc.shmget(0, 1 << 20, 0o1600) < 0
assert libc.msgget(0, 0o1600) < 0 and libc.syscall(425, 8, 0) < 0 and libc.syscall(323, 0) < 0
x = bytearray(b"1" * (3 << 30))""",
    "files without number": """
import os
for i in range(2_000_000):
    os.close(os.open(f"/tmp/{i}", os.O_CREAT | os.O_WRONLY))""",
    "a file without end": """
with open("/tmp/x", "wb") as f:
    for _ in range(4096): f.write(b"x" * (1 << 20))""",
    "a fork bomb": """
import os
for _ in range(100_000):
    try: os.fork()
    except OSError: pass""",
    "a thread bomb": """
import threading, time
for _ in range(100_000): threading.Thread(target=time.sleep, args=(60,)).start()""",
    "output without end": "for _ in range(4096): print('x' * (1 << 20))",
    "output in drops": "import time\nfor _ in range(100_000):\n    print('x', flush=True)\n    time.sleep(0.001)",
    "sleeps with closed streams": "import os, time\nfor fd in range(3): os.close(fd)\ntime.sleep(100)",
}
TO_THE_GRADE = {
    "claims to have passed, wherever it can write": """
import os
for fd in range(64):
    try: os.write(fd, b'{"token": "", "status": "passed", "detail": "", "limit": ""}\\n{"value": 5}\\n')
    except OSError: pass
os._exit(0)""",
    "reports its own end": f"""{C}
for fd in range(64):
    try: os.write(fd, struct.pack("id", 0, 0.0))
    except OSError: pass
libc.exit_group(0)""",
    "traces and reads its parent": f"""{C}
for pid in (1, os.getppid()):
    libc.ptrace(16, pid, 0, 0); libc.syscall(310, pid, 0, 0, 0, 0, 0)
    pidfd = libc.syscall(434, pid, 0)
    for fd in range(16): libc.syscall(438, pidfd, fd, 0)
    for name in ("mem", "environ", "maps", "fd/0"):
        try: open(f"/proc/{{pid}}/{{name}}", "rb").read()
        except OSError: pass""",
    "namespaces and sockets of other families": f"""{C}
import socket
for flags in (0x10000000, 0x20000000, 0x00020000, 0x40000000): assert libc.unshare(flags) < 0
for family in (2, 10, 16, 17, 38, 40):
    try: socket.socket(family, socket.SOCK_STREAM)
    except OSError: continue
    def solution(x): return x + 3
    break
else:
    def solution(x): return 0""",
    "equal to everything": "class E(int):\n    def __eq__(self, other): return True\ndef solution(x): return E()",
    "another program in its place": """
import os, sys
os.execv("/usr/bin/env", ["env", "python3", "-c", "print('{\\"value\\": 5}')"])""",
    "the modules of the sandbox, patched": """
import sys
sys.path.insert(0, "/inside")
import tree, connection
tree.Tree.wait = lambda *a: (0, 0.0)
connection.Worker.call = lambda *a, **k: 5
open("/inside/worker.py", "w")""",
}  # fmt: skip
ATTACKS = {
    name: source if "def solution" in source else source + WRONG
    for attacks in (TO_NEIGHBOURS, TO_LIMITS, TO_THE_GRADE)
    for name, source in attacks.items()
}
# What a program may use, so small that an attack ends soon. The neighbours need nearly all of it.
LIMITS = {
    "seconds": 2, "case_seconds": 2, "wall_seconds": 12, "memory_bytes": 512 << 20, "address_bytes": 700 << 20,
    "processes": 12, "files": 64, "scratch_bytes": 16 << 20, "output_bytes": 8 << 20,
}  # fmt: skip
NEIGHBOURS = [
    ("def solution(x): return x + 3", "passed"),
    ("def solution(x): return x + 2", "failed"),
    (  # much memory, a deep recursion, many files, a folder that it writes to
        "import sys, tempfile\nsys.setrecursionlimit(5000)\ndef deep(n): return n and 1 + deep(n - 1)\n"
        "def solution(x):\n    held = bytearray(300 << 20)\n    for i in range(0, len(held), 4096): held[i] = 1\n    files = [tempfile.TemporaryFile() for _ in range(40)]\n"
        "    return x + deep(3000) - 2997 - len(files) + 40 - len(held) + (300 << 20)",
        "passed",
    ),
    (  # processes, threads, and time
        "import os, threading, time\ndef solution(x):\n    pids = []\n    for _ in range(4):\n        pid = os.fork()\n"
        "        if pid == 0: os._exit(3)\n        pids.append(pid)\n    found = [os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) for p in pids]\n"
        "    threads = [threading.Thread(target=time.sleep, args=(0.01,)) for _ in range(4)]\n    for t in threads: t.start()\n"
        "    for t in threads: t.join()\n    end = time.process_time() + 0.3\n    while time.process_time() < end: pass\n"
        "    return x + sum(found) // 4",
        "passed",
    ),
]


def program(source: str, **limits: int) -> Program:
    return Program(source, TESTS, "solution", limits=tuple(sorted({**LIMITS, **limits}.items())))


def reading(source: str, **limits: int) -> Program:
    """The same as a program that reads standard input; what it defines is not asked for."""
    cases = json.dumps([{"input": "2", "output": "5"}])
    return Program(source, cases, "", style="stdin", limits=tuple(sorted({**LIMITS, **limits}.items())))
