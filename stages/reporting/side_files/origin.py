"""Which commit made this copy of the report, and on which machine, for files beside it that nothing tracks.

The same inputs give the same report everywhere, so neither is in a tracked output; the page reads `origin.js` on demand,
where it exists. The versions that decide results are tracked: each stage records them.
"""

import csv
import json
import os
import platform
import subprocess
from pathlib import Path

from stages.common.files import write_json, write_text

UNKNOWN = "unknown"
QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")


def origin() -> dict[str, str]:
    """commit (with what has changed since), machine, processor, cores, memory, gpus; `unknown` where nothing tells."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "commit": _commit(),
        "machine": f"{platform.node() or UNKNOWN}, {platform.system()} {platform.release()}",
        "processor": _processor(Path("/proc/cpuinfo")),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory:.0f} GiB",
        "gpus": _gpus(),
    }


def write_origin(found: dict[str, str], folder: Path) -> None:
    """`origin.json` and `origin.js` in the profile's folder, beside the report."""
    write_json(folder / "origin.json", found)
    write_text(folder / "origin.js", f'bench.receive("origin",{json.dumps(found)});\n')


def _commit() -> str:
    commit = _said("git", "rev-parse", "HEAD")
    if commit is None:
        return f"{UNKNOWN}, as this is no git repository"
    changed = _said("git", "status", "--porcelain", "--untracked-files=no") or ""
    files = len(changed.splitlines())
    return commit.strip() + (f", with changes in {files} file{'s' * (files > 1)}" if files else "")


def _processor(told: Path) -> str:
    lines = told.read_text(encoding="utf-8").splitlines() if told.is_file() else []
    names = [
        value.strip() for name, _, value in (line.partition(":") for line in lines) if name.strip() == "model name"
    ]
    return f"{names[0]} ({platform.machine()})" if names else platform.machine() or UNKNOWN


def _gpus() -> str:
    """How many of each kind, as nvidia-smi names them; `none` where there is no driver."""
    said = _said(*QUERY)
    if said is None:
        return "none"
    kinds = [", ".join(cell.strip() for cell in row) for row in csv.reader(said.splitlines())]
    return "; ".join(f"{kinds.count(kind)} × {kind}" for kind in dict.fromkeys(kinds)) or "none"


def _said(*command: str) -> str | None:
    """What a command prints; None where it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None
