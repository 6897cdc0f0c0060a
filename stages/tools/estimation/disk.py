"""How much disk a profile fills. Pure."""

from typing import NamedTuple

from stages.profile.checkpoints import kept_steps
from stages.profile.params import Params

EXPORT_BYTES = 4  # a parameter: float32, whatever the dtype it is computed in
CHECKPOINT_BYTES = 4 + 8 + EXPORT_BYTES  # a parameter: weights and Adam's two moments in float32, and the HF export
CHECKPOINTS_KEPT = 2  # stages/backend/config.py


class Disk(NamedTuple):
    """Gigabytes. `checkpoints` are there until a run's outputs are written; `weights` lie in work/, results/ and DVC's cache."""

    checkpoints: float
    weights: float

    @property
    def total(self) -> float:
        return self.checkpoints + 3 * self.weights


def disk(params: Params, parameters: float) -> Disk:
    """At most: with `share_session` all runs may be trained before the first of them is exported."""
    runs = len(params.methods) * len(params.seeds)
    kept = runs * (1 + len(kept_steps(params.checkpoints, params.train)))
    at_once = runs if params.backend.share_session else 1
    one = CHECKPOINTS_KEPT * CHECKPOINT_BYTES * parameters / 1e9
    return Disk(at_once * one, kept * EXPORT_BYTES * parameters / 1e9)
