"""What a machine lacks for a profile, before hours of it are spent.

    locks/python <cpu|cuda> -m stages.tools.preflight [profile]             make preflight; params.yaml unless another is named
        --step [--method NAME]    then one step at the longest length, of the method that demands most unless one is named

One line a requirement: what was found and, where that is not enough, what to do. Status 1 where anything is missing. Where the
numbers are from stands in docs/gpu.md. The checks start nothing and write nothing. Whether a step fits the GPUs' memory shows in
the step (stages/tools/longest_step.py), which needs the base model.
"""

import argparse
import os
import shutil
import sys
import sysconfig
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from stages.common.command import run_stage
from stages.common.files import InputError
from stages.common.options import Options
from stages.profile.machine import to_be_fetched
from stages.profile.params import Params, load
from stages.profile.sections.backend import LOCAL
from stages.profile.sections.model import FIRST_DOWNLOAD
from stages.tools.estimation.disk import disk
from stages.tools.estimation.hours import parameters_of
from stages.tools.gpus import GIB, STATE_BYTES, Gpu, look_at_gpus

DRIVER = 580  # the first for CUDA 13.0, which torch 2.11.0+cu130 is built with (NVIDIA's release notes of CUDA 13.0)
OBJECT_STORE = 0.3  # of the memory: Ray's default for its object store in /dev/shm
SECONDS = 10  # that an address is waited for


class Machine(NamedTuple):
    """What was found. Sizes are in bytes; `unreachable` are addresses, and `sources` the data sets that no folder here holds."""

    driver: str | None
    gpus: list[Gpu]
    compiler: str | None
    headers: bool
    cores: int
    memory: int
    shared_memory: int
    free_disk: int
    ray: list[int]  # process ids
    sources: list[str]
    unreachable: list[str]


class Check(NamedTuple):
    name: str
    found: str
    fix: str | None  # None where nothing is missing

    def line(self) -> str:
        return (
            f"ok       {self.name}: {self.found}"
            if self.fix is None
            else f"MISSING  {self.name}: {self.found}; {self.fix}"
        )


def checks(machine: Machine, params: Params) -> list[Check]:
    """Pure. Of a profile for a CPU only what every machine needs."""
    return [*_of_gpus(machine, params), *_of_any(machine, params)]


def _of_gpus(machine: Machine, params: Params) -> Iterator[Check]:
    backend = params.backend
    if backend.platform != "cuda":
        return
    too_old = machine.driver is None or int(machine.driver.partition(".")[0]) < DRIVER
    yield Check("driver", machine.driver or "none", f"install NVIDIA's driver {DRIVER} or newer" if too_old else None)
    few = len(machine.gpus) < backend.devices
    fix = f"the profile asks for {backend.devices}: set backend.devices, or see CUDA_VISIBLE_DEVICES" if few else None
    yield Check("GPUs", f"{len(machine.gpus)} ({', '.join(sorted({gpu.name for gpu in machine.gpus})) or 'none'})", fix)
    chosen = machine.gpus[: backend.devices]
    if chosen:
        yield _memory_of_gpus(chosen, params)
        yield _use_of_gpus(chosen, params)
    yield Check(
        "compiler", machine.compiler or "none", None if machine.compiler else "install gcc: Triton compiles with it"
    )
    yield Check(
        "Python's headers",
        "there" if machine.headers else "none",
        None if machine.headers else "install python3.11-dev: Triton compiles with them",
    )
    few = machine.cores < backend.devices
    yield Check("cores", str(machine.cores), f"{backend.devices} actors compute beside each other" if few else None)
    wanted = OBJECT_STORE * machine.memory
    yield Check(
        "/dev/shm",
        f"{machine.shared_memory / GIB:.0f} GiB",
        f"make it {wanted / GIB:.0f} GiB (in a container --shm-size), for Ray's object store"
        if machine.shared_memory < wanted
        else None,
    )
    foreign = machine.ray and backend.ray_address == LOCAL
    fix = "they may hold GPUs: end them by `ray stop`, or wait" if foreign else None
    yield Check("other Ray processes", ", ".join(map(str, machine.ray)) or "none", fix)


def _memory_of_gpus(gpus: list[Gpu], params: Params) -> Check:
    parameters, smallest = parameters_of(params.model), min(gpu.total for gpu in gpus)
    found = f"{smallest / GIB:.0f} GiB on the smallest GPU"
    if parameters is None:
        return Check("memory of GPUs", f"{found}; how much is needed is not known, for want of the model's size", None)
    share = STATE_BYTES * parameters / len(gpus)
    fix = None
    if not params.backend.offload and share >= smallest:
        fix = f"weights, gradients and optimiser states alone have {share / GIB:.0f} on each: take more GPUs, or larger ones"
    return Check("memory of GPUs", f"{found}, of {share / GIB:.0f} for weights, gradients and optimiser states", fix)


def _use_of_gpus(gpus: list[Gpu], params: Params) -> Check:
    """vLLM refuses to start unless its share is free."""
    wanted = params.backend.engine_memory_share
    free = min((gpu.total - gpu.used) / gpu.total for gpu in gpus)
    fix = None
    if wanted is not None and free < wanted:
        fix = f"backend.engine_memory_share is {wanted:g}: end what uses the GPU (nvidia-smi names it)"
    return Check("free memory of GPUs", f"{free:.0%} of the fullest", fix)


def _of_any(machine: Machine, params: Params) -> Iterator[Check]:
    parameters, free = parameters_of(params.model), machine.free_disk / 1e9
    if parameters is None:
        yield Check("disk", f"{free:,.0f} GB free; how much is needed is not known, for want of the model's size", None)
    else:
        needed = disk(params, parameters).total
        fix = "free some, or mount a larger one at work/, results/ and .dvc/cache" if needed > free else None
        yield Check("disk", f"{free:,.0f} GB free, of at most {needed:,.0f} that the profile writes", fix)
    absent = bool(machine.sources and machine.unreachable)
    yield Check(
        "data sets",
        f"{len(machine.sources)} to be fetched" if machine.sources else "in MIRROR or work/sources",
        f"no answer from {machine.unreachable[0]}: name a mirror, MIRROR=<folder>" if absent else None,
    )
    if params.model.source == "hub":
        fix = (
            "without network download it elsewhere, and use model.source folder"
            if hub(params) in machine.unreachable
            else None
        )
        yield Check("model", hub(params), fix)


def hub(params: Params) -> str:
    """The address of the model's config.json."""
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    revision = "main" if params.model.revision == FIRST_DOWNLOAD else params.model.revision
    return f"{endpoint}/{params.model.name}/resolve/{revision}/config.json"


def look(params: Params) -> Machine:
    """This machine, and whether the addresses of `params` answer."""
    driver, gpus = look_at_gpus()
    absent = to_be_fetched(params)
    asked = [*list(absent.values())[:1], *([hub(params)] if params.model.source == "hub" else [])]
    return Machine(
        driver=driver,
        gpus=gpus,
        compiler=shutil.which("gcc") or shutil.which("cc"),
        headers=Path(sysconfig.get_path("include"), "Python.h").is_file(),
        cores=len(os.sched_getaffinity(0)),
        memory=psutil.virtual_memory().total,
        shared_memory=shutil.disk_usage("/dev/shm").total,
        free_disk=shutil.disk_usage(".").free,
        ray=[process.pid for process in psutil.process_iter() if process.name() == "raylet"],
        sources=list(absent),
        unreachable=[address for address in asked if not answers(address)],
    )


def answers(address: str) -> bool:
    """Whether a server answers at `address`, be it by asking for a password."""
    try:
        urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=SECONDS).close()
    except urllib.error.HTTPError as error:
        return error.code in (401, 403)
    except OSError:
        return False
    return True


def main(arguments: list[str]) -> None:
    options = parse(arguments)
    params = load(options.profile)
    found = checks(look(params), params)
    print("\n".join(check.line() for check in found), flush=True)
    if any(check.fix for check in found):
        sys.exit(1)
    if options.step:
        # torch and transformers take seconds that the checks do not need
        from stages.tools.longest_step import longest_step

        path = longest_step(params, options.method)
        print(f'written to {path}: make estimate OPTIONS="--measured {path}" computes with it')


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = Options("stages.tools.preflight", __doc__)
    parser.add_profile()
    parser.add_argument("--step", action="store_true", help="then one step at the longest length")
    parser.add_argument("--method", help="of the profile's, that takes the step")
    options = parser.parse_args(arguments)
    if options.method and not options.step:
        raise InputError("--method: it takes the step, which is not asked for; give --step too")
    return options


if __name__ == "__main__":
    run_stage(main)
