"""Clip-Higher: a wider upper clip, so that unlikely tokens can rise (DAPO, arXiv 2503.14476 §3.1).

    maximise  min(r·A, clip(r, 1 − ε_low, 1 + ε_high)·A)   with ε_high > ε_low

Defaults: ε_low 0.2, ε_high 0.28 (2503.14476 §4.1; the same in 2511.05993 and 2510.10150).
Deviations from the paper: none; DAPO's other three techniques are not part of this method.
Reduces to GRPO at: clip_ratio_high 0.2.
"""

from pydantic import Field

from stages import rl


class ClipHigher(rl.Method):
    class Settings(rl.Settings):
        clip_ratio_high: float = Field(0.28, ge=0, description="ε_high; 2503.14476 §4.1")

    settings: Settings
