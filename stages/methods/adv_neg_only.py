"""Only tokens with A ≤ 0 are trained on (arXiv 2511.05993 §7.2, "Adv≤0").

Defaults: none to choose.
Deviations from the paper: whether the others leave the denominator is not published; they do here.
Reduces to GRPO at: no setting; tokens with A > 0 are always left out.
"""

from torch import Tensor

from stages import rl


class AdvNegOnly(rl.Method):
    sources = rl.Sources(not_published=("whether the other tokens leave the denominator",))
    unread = ("clip_ratio_high",)
    without_control = "its choice is the sign of the advantage, which a control keeps"

    def mask(self, mini_batch: rl.Update) -> Tensor:
        return mini_batch.response_mask & (mini_batch.advantages <= 0)
