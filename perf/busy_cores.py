"""What other programs on the same cores do to computing with several threads, by how long its threads wait for each other.

    python -m perf.busy_cores

Trains a small transformer with as many threads as there are cores, alone and beside as many busy programs, with
libgomp's own setting and with the one that a session on a CPU has (`stages/backend/environment.py`).
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from stages.backend.environment import SPINS
from stages.common.command import run_stage
from stages.common.options import Options
from stages.common.tables import markdown_table

STEPS, IN_TURN = 15, 3
BUSY = "while True: pass"


def main(arguments: list[str]) -> None:
    parser = Options("perf.busy_cores", __doc__)
    parser.add_argument(
        "--here", action="store_true", help="trains once in this process, and prints the seconds a step"
    )
    if parser.parse_args(arguments).here:
        print(seconds_a_step())
        return
    found: dict[tuple[str, bool], list[float]] = {}
    for _ in range(IN_TURN):
        for spins in ("", SPINS):
            for beside in (False, True):
                with busy(beside):
                    found.setdefault((spins, beside), []).append(in_a_process(spins))
    rows = [
        [spins or "libgomp's own", *(f"{statistics.median(found[spins, beside]):.3f}" for beside in (False, True))]
        for spins in ("", SPINS)
    ]
    print(markdown_table(["GOMP_SPINCOUNT", "alone, s a step", "beside busy programs, s a step"], rows, "lrr"))


def in_a_process(spins: str) -> float:
    """libgomp reads the setting when it is loaded, so each measurement has a process of its own."""
    own = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_NUM_THREADS")}
    own |= {"GOMP_SPINCOUNT": spins} if spins else {}
    command = [sys.executable, "-m", "perf.busy_cores", "--here"]
    return float(subprocess.run(command, env=own, check=True, capture_output=True, text=True).stdout)


@contextmanager
def busy(beside: bool) -> Iterator[None]:
    if not beside:
        yield
        return
    programs = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(cores())]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def cores() -> int:
    return len(os.sched_getaffinity(0))


def seconds_a_step() -> float:
    torch.set_num_threads(cores())
    torch.manual_seed(0)
    layers = [torch.nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, batch_first=True) for _ in range(4)]
    model, tokens = torch.nn.Sequential(*layers), torch.randn(32, 64, 128)

    def step() -> None:
        model(tokens).square().mean().backward()

    for _ in range(3):  # which allocate
        step()
    began = time.monotonic()
    for _ in range(STEPS):
        step()
    return (time.monotonic() - began) / STEPS


if __name__ == "__main__":
    run_stage(main)
