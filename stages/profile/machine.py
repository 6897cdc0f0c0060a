"""Whether this machine is one for the profile: what would otherwise show when the engine has started.

`make preflight` looks further (driver, compiler, memory, disk, data sets); this takes a second or, for a model of the
hub that was never fetched, up to three more.
"""

import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from stages.backend.environment import assert_versions
from stages.common.files import InputError
from stages.datasets.fetch import mirror_folder
from stages.profile.params import Params

SECONDS = 3  # that the hub is waited for


def check_machine(params: Params) -> None:
    """InputError where the packages, GPUs, memory, mirror or hub that the profile needs are not there."""
    backend = params.backend
    assert_versions(backend.platform)
    if backend.platform == "cuda":
        found = gpus()
        if found < backend.devices:
            raise InputError(
                f"backend.devices: {backend.devices} GPUs are asked for, and this machine has {found}; set the number, see "
                "CUDA_VISIBLE_DEVICES, or take a profile of platform cpu"
            )
    elif backend.engine_gigabytes << 30 > (memory := psutil.virtual_memory().total):
        raise InputError(
            f"backend.engine_gigabytes: {backend.engine_gigabytes} GB are asked for, and this machine has "
            f"{memory >> 30}; lower it"
        )
    mirror_folder()
    check_hub(params)


def gpus() -> int:
    """The GPUs that a process of this one would see."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    try:
        said = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        return 0
    there = said.stdout.count("GPU ") if said.returncode == 0 else 0
    return there if chosen is None else min(there, len([one for one in chosen.split(",") if one.strip()]))


def check_hub(params: Params) -> None:
    """InputError where a model has still to be fetched and the hub does not answer."""
    models = {f"models.{name}.hub": (one.hub, f"models/{name}") for name, one in params.models.items() if one.hub}
    if params.model.source == "hub":
        models["model.name"] = (params.model.name, "model")
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    for field, (name, place) in models.items():
        if Path("results", params.profile, place, "config.json").is_file():
            continue
        try:
            urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=SECONDS).close()
        except urllib.error.HTTPError:
            pass  # it answers
        except OSError as error:
            raise InputError(
                f"{field}: {name} is to be fetched, and {endpoint} cannot be reached ({getattr(error, 'reason', error)}); "
                "connect to the network, set HF_ENDPOINT, or download it elsewhere and give its folder"
            )
