"""Prompts with responses as token ids."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class TokenBatch:
    """B prompts with a response each; T is the longest response, L the longest prompt and response together.

    Sequences are padded on the right, so that no position sees padding and no mask of attention is needed.
    """

    sequences: Tensor  # [B, L] int: prompt, response, padding
    token_ids: Tensor  # [B, T] int: the response alone
    mask: Tensor  # [B, T] bool: tokens of the response, the one that ends it included
    places: Tensor  # [B, T] int: where in `sequences` the model chooses the token

    def __len__(self) -> int:
        return len(self.mask)

    def to(self, device: str) -> "TokenBatch":
        return TokenBatch(*(getattr(self, item.name).to(device) for item in fields(self)))

    def rows(self, chosen: slice) -> "TokenBatch":
        """The responses `chosen`, without the columns that are padding in all of them."""
        mask, places = self.mask[chosen], self.places[chosen]
        width, end = int(mask.sum(-1).max()), int(places[mask].max()) + 1
        places = places[:, :width].clamp(max=end - 1)
        return TokenBatch(self.sequences[chosen, :end], self.token_ids[chosen, :width], mask[:, :width], places)


def token_batch(prompts: list[list[int]], responses: list[list[int]], padding: int) -> TokenBatch:
    """Of a response a prompt, both as token ids; no response is empty."""
    width = max(map(len, responses))
    longest = max(len(prompt) + len(response) for prompt, response in zip(prompts, responses, strict=True))
    sequences = torch.full((len(prompts), longest), padding)
    token_ids = torch.full((len(prompts), width), padding)
    mask = torch.zeros(len(prompts), width, dtype=torch.bool)
    places = torch.zeros(len(prompts), width, dtype=torch.long)
    for row, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
        size = len(response)
        sequences[row, : len(prompt) + size] = torch.tensor(prompt + response)
        token_ids[row, :size] = torch.tensor(response)
        mask[row, :size] = True
        places[row] = torch.arange(len(prompt) - 1, len(prompt) - 1 + width).clamp(max=longest - 2)
    return TokenBatch(sequences, token_ids, mask, places)
