"""What the processes of one program use together, as the kernel counts it, seen from outside the sandbox.

The kernel's own limits bound each process for itself, and a program may have many. So they are added up here: memory, with
what several processes share counted once and with what the kernel holds for them, and processor time.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")  # a second
PROC = Path("/proc")
HELD = ("RssAnon:", "RssShmem:", "VmPTE:")  # of /proc/PID/status: own memory, shared memory, page tables
HELD_IN_PARTS = (
    "Pss_Anon:",
    "Pss_Shmem:",
)  # the same of /proc/PID/smaps_rollup, of which what is shared counts in parts


class Process(NamedTuple):
    """`own` and `waited` are seconds of processor time: its own, and that of children that it has waited for."""

    pid: int
    parent: int
    began: int
    own: float
    waited: float


class Use:
    """Of the program that the sandbox of `bubblewrap` (a process id) runs."""

    def __init__(self, bubblewrap: int) -> None:
        self.bubblewrap = bubblewrap
        self.begin()

    def begin(self) -> None:
        """What is used from the next look on counts as used since now."""
        self._first: tuple[float, float] | None = None
        self._seen: dict[tuple[int, int], float] = {}
        self.programs: list[Process] = []
        self.seconds = 0.0

    def look(self) -> None:
        """Takes notice of what runs at this moment; `seconds` of processor time is what is known to be used since `begin`.

        A process that has ended counts with what its parent was told of it. One whose parent did not wait counts with what
        was seen of it.
        """
        children: dict[int, list[Process]] = {}
        for process in _all_processes():
            children.setdefault(process.parent, []).append(process)
        supervisors = children.get(self.bubblewrap, [])
        firsts = [first for supervisor in supervisors for first in children.get(supervisor.pid, [])]
        self.programs = list(_below(firsts, children))
        self._seen |= {(process.pid, process.began): process.own for process in self.programs}
        told = sum(process.own + process.waited for process in self.programs) + sum(first.waited for first in firsts)
        now = (told, sum(self._seen.values()))
        self._first = self._first or now
        self.seconds = max(self.seconds, *(late - early for late, early in zip(now, self._first, strict=True)))

    def memory_beyond(self, limit: int) -> bool:
        """Whether what ran at the last look holds more than `limit` bytes. A socket counts with all that it may hold."""
        pids = [process.pid for process in self.programs]
        sockets = _sockets(pids) * SOCKET_BYTES
        # the quick sum counts what processes share once for each
        return sum(map(_resident, pids)) + sockets > limit and sum(map(_proportional, pids)) + sockets > limit


def _all_processes() -> Iterator[Process]:
    for name in os.listdir(PROC):
        if name.isdigit():
            try:
                # the name, which may hold anything, stands in parentheses
                fields = (PROC / name / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:  # it has ended
                continue
            user, system, waited_user, waited_system = (int(field) / TICKS for field in fields[11:15])
            yield Process(int(name), int(fields[1]), int(fields[19]), user + system, waited_user + waited_system)


def _below(processes: list[Process], children: dict[int, list[Process]]) -> Iterator[Process]:
    pending = [child for process in processes for child in children.get(process.pid, [])]
    while pending:
        yield pending[0]
        pending = pending[1:] + children.get(pending[0].pid, [])


def _kibibytes(file: Path, names: tuple[str, ...]) -> int | None:
    """The sum of a status file's lines of these names, in bytes; None where it cannot be read."""
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return None
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(names))


def _resident(process: int) -> int:
    return _kibibytes(PROC / str(process) / "status", HELD) or 0


def _proportional(process: int) -> int:
    """As `_resident`, of which what is shared counts in parts. Where the kernel does not tell, the quick sum stands."""
    return _kibibytes(PROC / str(process) / "smaps_rollup", HELD_IN_PARTS) or _resident(process)


def _sockets(programs: list[int]) -> int:
    """How many sockets the sandbox of these processes has, which have a network of their own."""
    for program in programs:
        try:
            return len((PROC / str(program) / "net/unix").read_text().splitlines()) - 1  # a head
        except OSError:
            continue
    return 0


def _socket_bytes() -> int:
    """What the kernel may hold for what is on its way out of one socket: twice the largest buffer that can be asked for."""
    return 2 * int((PROC / "sys/net/core/wmem_max").read_text())


SOCKET_BYTES = _socket_bytes()
