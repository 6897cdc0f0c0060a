"""Whether verl's configuration has what a profile sets in it, without the seconds that importing verl takes.

`compose` of config.py reads verl's files by way of verl itself. Here the same is read from the one file that verl ships of all
its settings; a test compares the two.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigTypeError

from stages.backend.config import EVERY_RUN, FOLDER, ON_PLATFORM
from stages.backend.config import _replaced as replaced

ALL_OF_VERLS = Path("trainer", "config", "_generated_ppo_trainer.yaml")
OF_HYDRA = ("hydra", "defaults")
CHOICE_OF_FILES = {"model_engine": "dp"}  # which that file leaves out, since it is made of those that were chosen


def check_known(settings: dict[str, Any]) -> None:
    """OmegaConfBaseException where `compose` would raise it."""
    config = known(settings["trainer"]["device"])
    if name := next(replaced(config, settings), None):
        raise ConfigTypeError(f"{name} is a value, and has no settings below it")
    OmegaConf.set_struct(config, True)
    config.merge_with(settings)


def known(platform: str) -> DictConfig:
    """verl's settings and ours for a platform, before those of a session."""
    verl = find_spec("verl")
    assert verl is not None and verl.origin is not None, "verl is not installed"
    ours = OmegaConf.load(FOLDER / EVERY_RUN)
    assert isinstance(ours, DictConfig)
    for name in OF_HYDRA:
        del ours[name]
    merged = OmegaConf.merge(
        CHOICE_OF_FILES,
        OmegaConf.load(Path(verl.origin).parent / ALL_OF_VERLS),
        ours,
        OmegaConf.load(FOLDER / ON_PLATFORM[platform]),
    )
    assert isinstance(merged, DictConfig)
    return merged
