"""PREPO: from easy prompts to hard ones, and uncertain responses count more (Intrinsic Exploration, arXiv 2511.00794).

    prompts      of a batch B of candidates, sorted by P = exp(−mean log π of the prompt's tokens), the K that begin at
                 rank ⌊ρ·(|B| − K)⌋, where ρ is the progress of the training
    responses    w_i = H̄_i / H̄,  A_i ← w_i·A_i
                 H̄_i: mean of H over the tokens of response i,  H̄: its mean over the responses of the step

The second is the paper's weight on the response's clipped objective, as that is proportional to A. The engine that samples
says what the policy of the step thinks of the prompts, so a step costs |B| short requests more and no sampling.

Defaults: |B| = 5·K, as the paper's comparisons train on 20 % of the data. Formulas and that share are second-hand, from a
transcription of the paper's third version; the authors' poster states the choice from a candidate batch at every step, from
low to high P, and H̄_i. H is the old policy's.
Not published: how progress is counted (here from 0 in the first step to 1 in the last).
Deviations from the paper: P leaves out the prompt's first token, of which a model says nothing, and has the chat template's.
It sums over a response's tokens; here the loss is the mean over all tokens.
Reduces to GRPO at: no setting; with candidate_batches 1, and where all H̄_i are equal, it is GRPO.
"""

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from stages import rl
from stages.rl.batch import response_mean


class Prepo(rl.Method):
    sources = rl.Sources(
        formula="second-hand", constants="second-hand", not_published=("how the training's progress is counted",)
    )

    class Settings(rl.Settings):
        candidate_batches: PositiveInt = Field(5, description="|B|/K, candidates for each prompt that is trained on")

    settings: Settings

    weighs = ("weight",)

    def rollout(self, training_step: rl.TrainingStep) -> rl.Rollout:
        progress = (training_step.step - 1) / max(training_step.total_steps - 1, 1)
        return rl.Rollout(candidate_batches=self.settings.candidate_batches, candidate_place=progress)

    def advantages(self, responses: rl.Responses) -> Tensor:
        return super().advantages(responses) * self.weight(responses)[:, None]

    def weight(self, responses: rl.Responses) -> Tensor:
        """[B] w."""
        entropy = response_mean(responses.old_entropy, responses.response_mask)
        return torch.where(entropy.mean() > 0, entropy / entropy.mean(), 1.0)
