"""Rand-Pos-Clip: a random few of the tokens with A > 0 get no gradient (arXiv 2511.05993 §7.2).

    weight = 0 on ⌊ρ·(all tokens)⌋ tokens drawn among those with A > 0; 1 elsewhere

the control of Clip-Cov: as many tokens, but any.

Defaults: ρ is Clip-Cov's share; its value is not published, 2e-4 is Clip-Cov's own (2505.22617). It is counted over the
optimiser's mini-batch.
Deviations from the paper: none known. As in Clip-Cov the zeroed tokens stay in the denominator, so this is a token
weight and no mask.
Reduces to GRPO at: share 0.
"""

import torch
from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.batch import uniform
from stages.rl.selection import top_tokens


class RandPosClip(rl.Method):
    sources = rl.Sources(not_published=("share",))

    class Settings(rl.Settings):
        share: float = Field(2e-4, ge=0, le=1, description="ρ, of all tokens; 2505.22617")

    settings: Settings

    @property
    def batch_statistics(self) -> rl.BatchStatistics:
        return "old_policy"

    def statistics(self, mini_batch: rl.Update) -> dict[str, Tensor]:
        count = int(self.settings.share * int(mini_batch.response_mask.sum()))
        positive = mini_batch.response_mask & (mini_batch.advantages > 0)
        noise = uniform(mini_batch, "rand_pos_clip")
        return {"drawn": top_tokens(noise, positive, count, ties=noise)}

    def token_weight(self, update: rl.Update) -> Tensor:
        return torch.where(update.statistics["drawn"], 0.0, torch.ones_like(update.advantages))
