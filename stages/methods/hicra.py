"""HICRA: more credit to planning tokens (arXiv 2509.03646 §4).

    A + α·|A|   on tokens that belong to a planning phrase,   A = R − mean R

The paper finds its phrases ("strategic grams") by clustering n-grams of a corpus; the list is not published. Here they
are declared: `phrases`, matched in the response's text without regard to case; a token counts that shares a character
with a match.

Defaults: α 0.2 (second-hand); `phrases` has none.
Departures: declared phrases instead of mined ones.
Neutral setting: none; the advantage is not divided by the standard deviation.
"""

import re

import torch
from torch import Tensor

from stages.methods import base
from stages.surrogate.groups import group_mean


class Hicra(base.Method):
    class Settings(base.Settings):
        phrases: list[str] = base.Field(min_length=1, description="planning phrases, plain text; not published")
        alpha: float = base.Field(0.2, ge=0, description="α, share of |A| added; 2509.03646, second-hand")

    def advantages(self, responses: base.Responses) -> Tensor:
        rewards = self.rewards(responses)
        advantages = (rewards - group_mean(rewards, responses.group))[:, None] * responses.response_mask
        return advantages + self.settings.alpha * advantages.abs() * self.planning(responses)

    def planning(self, responses: base.Responses) -> Tensor:
        """[B, T] bool: tokens of planning phrases."""
        pattern = re.compile("|".join(map(re.escape, self.settings.phrases)), re.IGNORECASE)
        found = torch.zeros_like(responses.response_mask)
        for row, length in enumerate(responses.response_length.tolist()):
            pieces = [responses.decode(token) for token in responses.token_ids[row, :length].tolist()]
            ends = torch.tensor([len(piece) for piece in pieces]).cumsum(0)
            starts = torch.cat([torch.zeros(1, dtype=ends.dtype), ends[:-1]])
            for match in pattern.finditer("".join(pieces)):
                found[row, :length] |= ((starts < match.end()) & (ends > match.start())).to(found.device)
        return found
