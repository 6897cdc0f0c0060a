"""Whether the rule that rewards training can read what its prompts ask for, and compare what its golds are."""

from stages.datasets.sources import SOURCES, load_sources
from stages.profile.read_once import read_once
from stages.profile.sections.data import Data
from stages.profile.sections.train import COMPARE_TEXT, READ_ONLY_A_BOX, Train
from stages.text.prompts import WITHOUT_BOX


def check_reward(train: Train, data: Data) -> None:
    """ValueError where the rewards would say nothing of the responses: all of them wrong, or right ones wrong."""
    name = data.subsets[train.dataset].of if train.dataset in data.subsets else train.dataset
    if train.reward in READ_ONLY_A_BOX and data.prompt in WITHOUT_BOX:
        raise ValueError(
            f"train.reward: {train.reward} reads \\boxed{{}}, and data.prompt {data.prompt} asks for no box; "
            "take math_dapo or by_value, or another prompt"
        )
    source = read_once(load_sources, SOURCES).get(name) if train.reward in COMPARE_TEXT else None
    if source is not None and source.golds == "formulas":
        raise ValueError(
            f"train.reward: {train.reward} compares text, and the golds of {name} are formulas that can be written in "
            "several ways; take by_value"
        )
