"""How much memory the processes below one hold together, as the kernel counts it, seen from outside the sandbox.

A limit of address space (RLIMIT_AS) bounds each process for itself and counts what is only reserved, so it is no measure
of what a program uses. What several processes share is counted once.
"""

import os
from collections.abc import Iterator
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
PROC = Path("/proc")


def memory_beyond(process: int, limit: int) -> bool:
    """Whether what the sandbox of `process`, a bubblewrap, runs beside its supervisor holds more than `limit` bytes."""
    found = list(_programs_of(process))
    # the quick sum counts what processes share once for each
    return sum(map(_resident, found)) > limit and sum(map(_proportional, found)) > limit


def _programs_of(process: int) -> Iterator[int]:
    """The processes below the children of `process`, a supervisor each; one that ends meanwhile is left out."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir(PROC):
        if name.isdigit():
            try:
                # the name, which may hold anything, stands in parentheses
                fields = (PROC / name / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(name))
    pending = [program for supervisor in parents.get(process, []) for program in parents.get(supervisor, [])]
    while pending:
        yield pending[0]
        pending = pending[1:] + parents.get(pending[0], [])


def _resident(process: int) -> int:
    """Bytes in use that are no file's."""
    try:
        fields = (PROC / str(process) / "statm").read_text().split()
    except OSError:
        return 0
    return (int(fields[1]) - int(fields[2])) * PAGE


def _proportional(process: int) -> int:
    """The same, of which what is shared counts in parts."""
    try:
        lines = (PROC / str(process) / "smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended, or the kernel does not tell: then the quick sum stands
        return _resident(process)
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss_Anon:")), 0) or _resident(process)
