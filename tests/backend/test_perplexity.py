"""Perplexities of prompts, with an engine whose model is known: it answers as verl's does."""

import asyncio
from itertools import pairwise

import pytest
import torch
from torch.nn.functional import cross_entropy
from verl.workers.rollout.replica import TokenOutput

from stages.backend.perplexity import perplexities

VOCABULARY = 7


class Engine:
    """Its model knows the token before, and of that the logits `table` [V, V]. Later requests are answered first."""

    def __init__(self, table):
        self.log_prob, self.asked = table.log_softmax(-1), {}

    async def generate(self, request_id, *, prompt_ids, sampling_params):
        assert request_id not in self.asked
        self.asked[request_id] = sampling_params
        await asyncio.sleep(0.01 / len(self.asked))
        told = [[self.log_prob[a, b].item()] for a, b in pairwise(prompt_ids)]
        return TokenOutput(token_ids=[0], extra_fields={"prompt_logprobs": [*told, [0.0]]})


def prompts_of(lengths):
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(VOCABULARY, (length,), generator=generator).tolist() for length in lengths]


def test_a_model_that_knows_nothing_is_as_perplexed_as_it_has_tokens():
    found = perplexities(Engine(torch.zeros(VOCABULARY, VOCABULARY)), prompts_of([2, 9]), "a")
    assert found == pytest.approx([VOCABULARY, VOCABULARY])


def test_it_is_the_exponential_of_the_mean_cross_entropy_whatever_order_the_answers_come_in():
    table, prompts = torch.randn(VOCABULARY, VOCABULARY, dtype=torch.float64), prompts_of([2, 3, 5, 8])
    expected = [cross_entropy(table[prompt[:-1]], torch.tensor(prompt[1:])).exp().item() for prompt in prompts]
    assert perplexities(Engine(table), prompts, "a") == pytest.approx(expected)


def test_every_request_has_a_seed():
    """One without makes vLLM's CPU sampler ignore the seeds of all that it computes with it."""
    engine = Engine(torch.zeros(VOCABULARY, VOCABULARY))
    perplexities(engine, prompts_of([4, 4, 4]), "a")
    assert len(engine.asked) == 3 and all("seed" in asked for asked in engine.asked.values())


def test_a_prompt_of_one_token_is_refused():
    with pytest.raises(ValueError, match="one token"):
        perplexities(Engine(torch.zeros(VOCABULARY, VOCABULARY)), [[1, 2], [3]], "a")
