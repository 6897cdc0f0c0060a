"""Clip-Lower: a wider lower clip, so that likely tokens can fall further (arXiv 2511.05993v3 §6.1).

    maximise  min(r·A, clip(r, 1 − ε_low, 1 + ε_high)·A)   with ε_low > ε_high

Defaults: ε_low 0.28, ε_high 0.2 (2511.05993).
Deviations from the paper: none.
Reduces to GRPO at: clip_ratio_low 0.2.
"""

from pydantic import Field

from stages import rl


class ClipLower(rl.Method):
    class Settings(rl.Settings):
        clip_ratio_low: float = Field(0.28, ge=0, le=1, description="ε_low; 2511.05993")

    settings: Settings
