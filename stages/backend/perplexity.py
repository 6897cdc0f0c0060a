"""How hard the policy finds a prompt: asked of the engine, which has the policy's weights before it samples."""

import asyncio
import math
from typing import Any


def perplexities(engine: Any, prompts: list[list[int]], name: str) -> list[float]:
    """exp(−mean log π) of the tokens of each of `prompts` but the first, at temperature 1.

    `engine` is verl's client of the servers. `name` begins the names of the requests: no two at a time may be alike.
    ValueError for a prompt of one token.
    """
    for prompt in prompts:
        if len(prompt) < 2:
            raise ValueError("a prompt of one token has no perplexity: the model says nothing of the first token")

    async def ask() -> list[float]:
        return await asyncio.gather(*(_of(engine, prompt, f"{name}n{i}") for i, prompt in enumerate(prompts)))

    return asyncio.run(ask())


async def _of(engine: Any, prompt: list[int], request: str) -> float:
    output = await engine.generate(
        request_id=request,
        prompt_ids=prompt,
        # what is sampled is not used, but one request without a seed makes vLLM's CPU sampler ignore all seeds
        sampling_params={"temperature": 1.0, "max_tokens": 1, "prompt_logprobs": 0, "seed": 0},
    )
    # entry j is of token j + 1, and verl adds one for what comes after the last
    log_probs = [value for (value,) in output.extra_fields["prompt_logprobs"][: len(prompt) - 1]]
    return math.exp(-math.fsum(log_probs) / len(log_probs))
