"""Clip-Free: importance sampling without a clip (arXiv 2511.05993v3 §6.1).

    maximise  r·A

Defaults: none; the clip widths of the settings have no effect.
Deviations from the paper: none. As everywhere here, log r is held within ±20.
Reduces to GRPO at: no setting; at r = 1 it is GRPO.
"""

import math

from stages import rl


class ClipFree(rl.Method):
    unread = ("clip_ratio_low", "clip_ratio_high")

    def clip_range(self, update: rl.Update) -> tuple[float, float]:
        return math.inf, math.inf
