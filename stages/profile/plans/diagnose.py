"""The plan of stage diagnose, for one probe."""

from typing import Any, Literal

from pydantic import NonNegativeInt, PositiveInt

from stages.profile.plans.base import Plan
from stages.profile.sections.probes import ProbeOptimiser
from stages.profile.sections.train import Train


class DiagnosePlan(Plan):
    """`run` is that of the model, `base` for the untrained one; `method_settings` are complete. The numbers are those of
    section `probes`, or of `train` where it leaves them to that.
    """

    run: str
    method: str
    method_settings: dict[str, Any]
    batches: PositiveInt
    prompts: PositiveInt
    responses: PositiveInt
    updates: PositiveInt
    optimisers: dict[str, ProbeOptimiser]
    coupled_states: NonNegativeInt
    train: Train
    training_folder: Literal["data/train", "subsets"]
    platform: Literal["cpu", "cuda"]
    threads: int
