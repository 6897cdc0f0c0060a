"""The plan of a training run."""

from typing import Any, Literal

from stages.profile.plans.base import Plan
from stages.profile.sections.backend import Backend
from stages.profile.sections.train import Train


class TrainPlan(Plan):
    """`seed` is that of all generators of the run; `method_settings` are complete; `kept_steps` are those before the last
    whose weights are kept.
    """

    run: str
    seed: int
    method: str
    method_settings: dict[str, Any]
    train: Train
    kept_steps: list[int]
    training_folder: Literal["data/train", "subsets"]
    backend: Backend
