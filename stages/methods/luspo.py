"""LUSPO: GSPO whose responses count by their length (arXiv 2602.05261, second-hand).

    maximise  (1/B) Σ over responses  length · min(s·A, clip(s, 1 − ε_low, 1 + ε_high)·A),   s as in `gspo`

GSPO's mean over each response divides by its length; the factor takes that back.

Defaults: ε_low 2e-3, ε_high 2.5e-3 (formula and constants second-hand, from huggingface/trl@f2cd577, which names §5.1).
Deviations from the paper: none known.
Reduces to GRPO at: no setting; the ratio is the response's.
"""

from pydantic import Field
from torch import Tensor

from stages import rl
from stages.methods.gspo import Gspo


class Luspo(Gspo):
    sources = rl.Sources(formula="second-hand", constants="second-hand")

    class Settings(Gspo.Settings):
        clip_ratio_low: float = Field(2e-3, ge=0, le=1, description="ε_low of the sequence ratio; second-hand")
        clip_ratio_high: float = Field(2.5e-3, ge=0, description="ε_high of the sequence ratio; second-hand")

    settings: Settings

    def token_weight(self, update: rl.Update) -> Tensor:
        return update.response_length[:, None].to(update.advantages.dtype).expand_as(update.advantages)
