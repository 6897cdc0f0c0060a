"""Whether this machine is one for the profile: what would otherwise show when the engine has started.

`make preflight` looks further (driver, compiler, memory, disk); this takes a second or, where a model or a data set has still to
be fetched and nothing answers, up to three more.
"""

import json
import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil

from stages.artifacts.model import CONFIG
from stages.backend.environment import assert_versions
from stages.benchmarks import find
from stages.common.files import InputError, read_json
from stages.datasets.fetch import CACHE, mirror_folder
from stages.datasets.sources import SOURCES, load_sources
from stages.profile.effective_protocol import effective_protocol
from stages.profile.model_folder import check_room, positions
from stages.profile.params import Params
from stages.profile.read_once import read_once
from stages.profile.sections.model import FIRST_DOWNLOAD, Model
from stages.profile.training_sets import LABORATORY

SECONDS = 3  # that an address is waited for


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
    check_hub(params)
    check_sources(params)


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
    """InputError where a model of the hub has no room for what the profile asks of it, or is still to be fetched from a hub that
    does not answer.
    """
    protocol = effective_protocol(params.evaluation, params.data.prompt, len(params.seeds))
    longest = params.evaluation.max_prompt_tokens or params.train.max_prompt_tokens, protocol.max_tokens
    plan = Path("results", params.profile, "plan")
    for place, model in hub_models(params).items():
        field = place.replace("/", ".")
        made = plan.parent / place / CONFIG
        if made.is_file() and _is_of(plan / f"{place}.json", model):
            config = read_json(made)
        else:
            config = _config_on_hub("model.name" if place == "model" else f"{field}.hub", model)
        room = model.max_position_embeddings or positions(config)
        trained = params.train if place == "model" and params.methods else None
        check_room(field, room, "its config.json", trained, *longest)


def check_sources(params: Params) -> None:
    """InputError where data sets have still to be fetched and the first one's address does not answer."""
    if Path("results", params.profile, "data", "manifest.json").is_file():
        return
    for name, address in list(to_be_fetched(params).items())[:1]:
        try:
            urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=SECONDS).close()
        except urllib.error.HTTPError:
            pass  # it answers
        except OSError as error:
            field = "data.training" if name in params.data.training else "evaluation.benchmarks"
            raise InputError(
                f"{field}: {name} is to be fetched, and {address} cannot be reached ({getattr(error, 'reason', error)}); connect to "
                "the network, or name a mirror: MIRROR=<folder> (stages.prepare --mirror fills one)"
            )


def to_be_fetched(params: Params) -> dict[str, str]:
    """The data sets of the table that stage prepare reads and no folder here holds: name -> address."""
    mirror, needed, found = mirror_folder(), sources_of(params), {}
    for name, source in read_once(load_sources, SOURCES).items():
        files = [] if source.parts or name not in needed else source.usable
        folders = [folder for folder in (CACHE, mirror) if folder]
        if files and not any((folder / file.sha256).is_file() for folder in folders for file in files):
            found[name] = files[0].url
    return found


def sources_of(params: Params) -> set[str]:
    """The data sets of the table that stage prepare reads."""
    protocol = effective_protocol(params.evaluation, params.data.prompt, len(params.seeds))
    found = {find(name).source for name in protocol.samples}
    if real := {name for name in params.data.training if name not in params.data.own} - {LABORATORY}:
        # contamination is counted against all evaluation sets
        table = read_once(load_sources, SOURCES)
        found |= real | {name for name, source in table.items() if source.use == "evaluation"}
    return found


def hub_models(params: Params) -> dict[str, Model]:
    """Place below the profile's results -> the model that is fetched to there."""
    found = {"model": params.model} if params.model.source == "hub" else {}
    return found | {f"models/{name}": one.as_model() for name, one in params.models.items() if one.hub}


def _is_of(plan: Path, model: Model) -> bool:
    """Whether what was made by this plan is still the model that is asked for."""
    return plan.is_file() and read_json(plan).get("model") == model.model_dump(mode="json")


def _config_on_hub(field: str, model: Model) -> dict[str, Any]:
    """Its config.json; nothing where the hub answers without giving it, as for a model that needs a licence."""
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    revision = "main" if model.revision == FIRST_DOWNLOAD else model.revision
    try:
        with urllib.request.urlopen(f"{endpoint}/{model.name}/resolve/{revision}/{CONFIG}", timeout=SECONDS) as answer:
            config = json.load(answer)
    except (urllib.error.HTTPError, ValueError):
        return {}
    except OSError as error:
        raise InputError(
            f"{field}: {model.name} is to be fetched, and {endpoint} cannot be reached ({getattr(error, 'reason', error)}); "
            "connect to the network, set HF_ENDPOINT, or download it elsewhere and give its folder"
        )
    return config if isinstance(config, dict) else {}
