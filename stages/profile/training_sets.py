"""Whether there are the sets that a profile trains on."""

from stages.datasets.sources import SOURCES, load_sources
from stages.profile.read_once import read_once
from stages.profile.sections.data import Data

LABORATORY = "lab"


def check_training_sets(data: Data) -> None:
    """ValueError names the first that is no training set, and those that are."""
    sources = read_once(load_sources, SOURCES)
    known = [LABORATORY, *(name for name, source in sources.items() if source.use == "training")]
    for name in data.training:
        if name not in known and name not in data.own:
            raise ValueError(f"data.training: {name!r} is no training set; known are {', '.join(known)}")
        brought = sources[name].prompt if name in sources and data.variant == "as_released" else None
        if brought and brought != data.prompt:
            raise ValueError(
                f"data.prompt: {name} as released brings its prompt along, {brought}, and {data.prompt} would not be used; "
                f"write {brought}, or take variant decontaminated"
            )
