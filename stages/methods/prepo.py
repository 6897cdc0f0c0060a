"""PREPO's weighting: responses of higher entropy count more (Intrinsic Exploration, arXiv 2511.00794).

    w_i = H̄_i / H̄      H̄_i: mean of H over the tokens of response i,  H̄: its mean over the responses of the step
    A_i ← w_i·A_i

which is the paper's weight on the response's clipped objective, as that is proportional to A.

Defaults: none to set. The formula is second-hand, from a transcription of the paper's v1; the authors' poster states
H̄_i and that responses are weighted by it. H is the old policy's.
Deviations from the paper: its other half is not part of this method: of the batch B of prompts, sorted by their perplexity
under the policy, exp(−mean log π of the prompt's tokens), it trains on K that follow each other from the place
⌊ρ·(|B| − K)⌋, where ρ is the training's progress (K is about |B|/5 in its comparisons; second-hand). It sums over a response's tokens; here the loss
is the mean over all tokens.
Reduces to GRPO at: no setting; where all H̄_i are equal it is GRPO.
"""

import torch
from torch import Tensor

from stages import rl
from stages.rl.batch import response_mean


class Prepo(rl.Method):
    sources = rl.Sources(formula="second-hand", left_out=("the choice of prompts by their perplexity",))

    def advantages(self, responses: rl.Responses) -> Tensor:
        entropy = response_mean(responses.old_entropy, responses.response_mask)
        weight = torch.where(entropy.mean() > 0, entropy / entropy.mean(), 1.0)
        return super().advantages(responses) * weight[:, None]
