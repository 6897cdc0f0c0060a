"""Stands where Python would, for a process that forking.py forks: hands over what is to run, and ends as that ends.

    python forked.py SOCKET MODULES ARGUMENT ...

The arguments are those of Python. The first of these programs starts the process that forks, in its own environment; that
imports MODULES, with commas between them. Signals are passed on. Standard library only, since the start of this program is
nearly all that a forked process costs.
"""

import fcntl
import json
import os
import signal
import socket
import struct
import sys
import time

NUMBER = struct.Struct("=i")
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
POLL = 0.02


def main() -> int:
    """The status of what ran, negative for a signal."""
    place, modules, *arguments = sys.argv[1:]
    files = [number for number in map(int, os.listdir("/proc/self/fd")) if is_handed_over(number)]
    start_once(place, modules, files)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(place)
        body = json.dumps([arguments, dict(os.environ), os.getcwd(), files]).encode()
        socket.send_fds(connection, [NUMBER.pack(len(body))], files)
        connection.sendall(body)
        pid = received(connection)
        for number in PASSED_ON:
            signal.signal(number, lambda number, _: os.kill(pid, number))
        return received(connection)


def is_handed_over(number: int) -> bool:
    """Whether a new program inherits the open file; the one that listed them is closed again."""
    try:
        return os.get_inheritable(number)
    except OSError:
        return False


def start_once(place: str, modules: str, files: list[int]) -> None:
    """Returns when the process that forks listens at `place`; it inherits standard output of `files`, and none of the others."""
    with open(f"{place}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(place):
            return
        code = f"import {modules}; from stages.backend.forking import listen; listen({place!r})"
        closed = [(os.POSIX_SPAWN_CLOSE, number) for number in files if number > 2]
        # in a process group of its own: what ends the first program's group is not to end all forks
        command = [sys.executable, "-c", code]
        started = os.posix_spawn(sys.executable, command, os.environ, file_actions=closed, setpgroup=0)
        while not os.path.exists(place):
            if os.waitpid(started, os.WNOHANG)[0]:
                sys.exit("error: the process that forks has ended before it listened")
            time.sleep(POLL)


def received(connection: socket.socket) -> int:
    data = connection.recv(NUMBER.size, socket.MSG_WAITALL)
    if len(data) < NUMBER.size:
        sys.exit("error: the process that forks has ended")
    return NUMBER.unpack(data)[0]


if __name__ == "__main__":
    status = main()
    if status < 0:  # ends as what it stands for did
        signal.signal(-status, signal.SIG_DFL) if -status != signal.SIGKILL else None
        os.kill(os.getpid(), -status)
    sys.exit(status)
