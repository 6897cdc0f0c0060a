"""The GPUs of this machine, as nvidia-smi tells of them."""

import subprocess
from typing import NamedTuple

GIB = 2**30
STATE_BYTES = 16  # a parameter: weights, their gradient and Adam's two moments in float32


class Gpu(NamedTuple):
    name: str
    total: int  # bytes
    used: int  # bytes


def look_at_gpus() -> tuple[str | None, list[Gpu]]:
    """The driver's version and the GPUs, as nvidia-smi says; None and no GPUs without it, or where it finds no driver."""
    query = ["--query-gpu=driver_version,name,memory.total,memory.used", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(["nvidia-smi", *query], capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        return None, []
    return read_gpus(said.stdout) if said.returncode == 0 else (None, [])


def read_gpus(said: str) -> tuple[str | None, list[Gpu]]:
    """Out of nvidia-smi's lines: driver, name, MiB, MiB used."""
    rows = [[cell.strip() for cell in line.split(",")] for line in said.splitlines() if line.strip()]
    gpus = [Gpu(name, int(total) << 20, int(used) << 20) for _, name, total, used in rows]
    return (rows[0][0] if rows else None), gpus
