"""HICRA: more credit to planning tokens (arXiv 2509.03646 §3).

    A + α·|A|   on tokens that belong to a planning phrase,   A = R − mean R

The paper finds its phrases ("strategic grams" of 3 to 5 words) by clustering n-grams of right solutions and keeping the
clusters that most solutions share; the list is not published. Here they are declared: `phrases`, matched in the
response's text without regard to case; a token counts that shares a character with a match. Examples in the paper:
"let's try a different approach", "but the problem mentions that".

Defaults: α 0.2 (second-hand, as the formula is); `phrases` has none.
Deviations from the paper: declared phrases instead of mined ones.
Reduces to GRPO at: no setting; the advantage is not divided by the standard deviation.
"""

import re
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.advantages import group_mean


class Hicra(rl.Method):
    sources = rl.Sources(
        formula="second-hand", constants="second-hand", not_published=("phrases",), left_out=("the mining of phrases",)
    )

    class Settings(rl.Settings):
        phrases: list[Annotated[str, Field(min_length=1)]] = Field(
            min_length=1, description="planning phrases, plain text; not published"
        )
        alpha: float = Field(0.2, ge=0, description="α, share of |A| added; 2509.03646, second-hand")

    settings: Settings

    selects = ("planning",)

    def advantages(self, responses: rl.Responses) -> Tensor:
        rewards = self.rewards(responses)
        advantages = (rewards - group_mean(rewards, responses.group))[:, None] * responses.response_mask
        return advantages + self.settings.alpha * advantages.abs() * self.planning(responses)

    def planning(self, responses: rl.Responses) -> Tensor:
        """[B, T] bool: tokens of planning phrases. Phrases may overlap, so each is looked for on its own."""
        patterns = [re.compile(re.escape(phrase), re.IGNORECASE) for phrase in self.settings.phrases]
        found = torch.zeros_like(responses.response_mask)
        for row, length in enumerate(responses.response_length.tolist()):
            pieces = [responses.decode(token) for token in responses.token_ids[row, :length].tolist()]
            text, ends = "".join(pieces), torch.tensor([len(piece) for piece in pieces]).cumsum(0)
            starts = torch.cat([torch.zeros(1, dtype=ends.dtype), ends[:-1]])
            for match in (match for pattern in patterns for match in pattern.finditer(text)):
                found[row, :length] |= ((starts < match.end()) & (ends > match.start())).to(found.device)
        return found
