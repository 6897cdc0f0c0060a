"""verl's single-turn agent loop, with a sampling seed of its own for every response, and with branches.

verl's `rollout.full_determinism` would give all responses of a group the same seed. Here the seed depends on the run's
seed, the prompt's place in the run and the response's number, so it survives any order of requests and a resume.
"""

import asyncio
import math
import random
import zlib
from typing import Any

from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop
from vllm.sampling_params import RequestOutputKind

ENTROPY_TOKENS = 20  # vLLM's limit (max_logprobs) on how many tokens of a distribution it tells


class SeededSingleTurnAgentLoop(SingleTurnAgentLoop):
    def seed(self, uid: str, session: int, use: str = "") -> int:
        return zlib.crc32(f"{self.rollout_config.seed}:{uid}:{session}{use}".encode()) & 0x7FFFFFFF

    async def run(self, sampling_params, **kwargs):
        own = {
            "seed": self.seed(kwargs["uid"], kwargs["session_id"]),
            # nobody reads a reply before it is whole, nor its text here: spares vLLM a message and a string per token
            "output_kind": RequestOutputKind.FINAL_ONLY,
            "detokenize": False,
        }
        return await super().run({**sampling_params, **own}, **kwargs)


class BranchingAgentLoop(SeededSingleTurnAgentLoop):
    """Every `branch_of`-th response of a group is sampled from the prompt; those after it continue a cut of it.

    The cut is before one of its `branch_top_entropy` tokens of highest entropy, drawn at random, the same for all that
    continue it. What comes before the cut is their context: it is judged with the rest and gets no loss (CURE, arXiv
    2508.11016; bytedance/CURE@a2a02173 puts it into the prompt). vLLM tells the 20 most likely tokens of a
    distribution; the rest counts as one in the entropy.
    """

    stems: dict[tuple[str, int], asyncio.Task] = {}  # shared by the responses of a group, which one process samples

    async def run(self, sampling_params, **kwargs):
        self.server_manager = branching = _Branching(self.server_manager, self, kwargs)
        output = await super().run(sampling_params, **kwargs)
        output.response_mask[: branching.cut] = [0] * branching.cut
        return output


class _Branching:
    """verl's client of the engine, answering with a stem and its continuation."""

    def __init__(self, client, loop: BranchingAgentLoop, prompt: dict[str, Any]):
        self.client, self.loop, self.uid = client, loop, prompt["uid"]
        self.session, self.branch_of, self.top = (
            int(prompt[name]) for name in ("session_id", "branch_of", "branch_top_entropy")
        )
        self.cut = 0  # tokens taken over from the stem

    async def generate(self, request_id: str, *, prompt_ids: list[int], sampling_params: dict[str, Any], **kwargs):
        number = self.session % self.branch_of
        key = (self.uid, self.session - number)
        if key not in self.loop.stems:
            stem_seed = {"seed": self.loop.seed(*key)}
            self.loop.stems[key] = asyncio.create_task(
                self.client.generate(
                    request_id=f"{request_id}-stem",
                    prompt_ids=prompt_ids,
                    sampling_params={**sampling_params, **stem_seed},
                    **kwargs,
                )
            )
        stem = await self.loop.stems[key]
        if number == self.branch_of - 1:
            del self.loop.stems[key]
        if number == 0:
            return stem
        entropy = await self._entropy(request_id, prompt_ids, stem.token_ids, kwargs)
        highest = sorted(range(len(entropy)), key=lambda t: (-entropy[t], t))[: self.top]
        self.cut = cut = random.Random(self.loop.seed(*key, "cut")).choice(highest)
        rest = await self.client.generate(
            request_id=request_id,
            prompt_ids=[*prompt_ids, *stem.token_ids[:cut]],
            sampling_params={**sampling_params, "max_tokens": self.loop.response_length - cut},
            **kwargs,
        )
        return rest.model_copy(
            update={
                "token_ids": [*stem.token_ids[:cut], *rest.token_ids],
                "log_probs": [*stem.log_probs[:cut], *rest.log_probs],
            }
        )

    async def _entropy(self, request_id: str, prompt_ids: list[int], token_ids: list[int], kwargs) -> list[float]:
        """Per response token, in nats; the tokens beyond the most likely ones count as one."""
        output = await self.client.generate(
            request_id=f"{request_id}-entropy",
            prompt_ids=[*prompt_ids, *token_ids],
            # what is sampled is not used, but one request without a seed makes vLLM's CPU sampler ignore all seeds
            sampling_params={"temperature": 1.0, "max_tokens": 1, "prompt_logprobs": ENTROPY_TOKENS, "seed": 0},
            **kwargs,
        )
        # entry j is the distribution that token j + 1 was drawn from
        told = output.extra_fields["prompt_logprobs"][len(prompt_ids) - 1 : len(prompt_ids) + len(token_ids) - 1]
        entropies = []
        for log_probs in told:
            probabilities = [math.exp(value) for value in log_probs]
            rest = max(1.0 - sum(probabilities), 0.0)
            entropies.append(-sum(p * math.log(p) for p in (*probabilities, rest) if p > 0))
        return entropies
