"""verl's single-turn agent loop, with a sampling seed of its own for every response, its reward, and branches.

verl's `rollout.full_determinism` would give all responses of a group the same seed. Here a response's seed is made of the
run's seed, the prompt's name (step and place, see trainer.py) and the response's number in its group. So it depends
neither on the order of requests nor on whether the run was resumed.

The reward is decided here too: verl would send each response to another process for it, which takes longer than the rule.
"""

import asyncio
import math
import random
import zlib
from copy import copy
from typing import Any, ClassVar

from verl.experimental.agent_loop.agent_loop import AgentLoopOutput
from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop
from verl.workers.rollout.replica import TokenOutput
from vllm.sampling_params import RequestOutputKind

from stages.backend.bench_config import SECTION
from stages.backend.reward import score_response

ENTROPY_TOKENS = 20  # of how many tokens of a distribution vLLM gives the log-probs at most (max_logprobs)


def response_seed(run_seed: int, uid: str, session: int, use: str = "") -> int:
    """Of response number `session` to prompt `uid`; `use` sets apart other draws for the same response."""
    return zlib.crc32(f"{run_seed}:{uid}:{session}{use}".encode()) & 0x7FFFFFFF


class SeededSingleTurnAgentLoop(SingleTurnAgentLoop):
    """verl's, with the seed of `response_seed` in every request, and the reward of `score_response` for the response."""

    async def run(self, sampling_params: dict[str, Any], **kwargs) -> AgentLoopOutput:
        own = {
            "temperature": kwargs["temperature"],  # of the step
            "seed": response_seed(kwargs["run_seed"], kwargs["uid"], kwargs["session_id"]),
            # no response is read before it is whole, nor its text here: spares vLLM a message and a string per token
            "output_kind": RequestOutputKind.FINAL_ONLY,
            "detokenize": False,
        }
        output = await super().run({**sampling_params, **own}, **kwargs)
        text = self.tokenizer.decode(output.response_ids, skip_special_tokens=True)
        reward = self.config.actor_rollout_ref[SECTION].reward
        scored = score_response(reward, kwargs["data_source"], text, kwargs["reward_model"]["ground_truth"])
        output.reward_score = float(scored.correct)
        output.extra_fields["reward_extra_info"] = scored._asdict()
        return output


class BranchingAgentLoop(SeededSingleTurnAgentLoop):
    """Every `branch_of`-th response of a group, a stem, is sampled from the prompt; those after it continue a part of it.

    That part ends before one of the stem's `branch_top_entropy` tokens of highest entropy, drawn at random, the same for
    all that continue it. It is their context: judged with what follows, and without loss (CURE, arXiv 2508.11016;
    bytedance/CURE@a2a02173 puts it into the prompt). The entropy is of the 20 most likely tokens, which are all that
    vLLM gives, and of all others as if they were one token.
    """

    # shared by the responses of a group, which one process samples
    stems: ClassVar[dict[tuple[str, int], asyncio.Task]] = {}

    async def run(self, sampling_params: dict[str, Any], **kwargs) -> AgentLoopOutput:
        one = copy(self)  # whose client is this response's alone
        one.server_manager = branching = _Branching(self.server_manager, self, kwargs)
        output = await super(BranchingAgentLoop, one).run(sampling_params, **kwargs)
        output.response_mask[: branching.cut] = [0] * branching.cut
        return output


class _Branching:
    """Stands for verl's client of the engine: what it gives for a prompt is a stem, or one continued."""

    def __init__(self, client: Any, loop: BranchingAgentLoop, prompt: dict[str, Any]):
        self.client, self.loop, self.uid = client, loop, prompt["uid"]
        self.run_seed, self.session, self.branch_of, self.top = (
            int(prompt[name]) for name in ("run_seed", "session_id", "branch_of", "branch_top_entropy")
        )
        self.cut = 0  # tokens taken over from the stem

    async def generate(
        self, request_id: str, *, prompt_ids: list[int], sampling_params: dict[str, Any], **kwargs
    ) -> TokenOutput:
        number = self.session % self.branch_of
        key = (self.uid, self.session - number)
        if key not in self.loop.stems:
            stem_seed = {"seed": response_seed(self.run_seed, *key)}
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
        self.cut = cut = random.Random(response_seed(self.run_seed, *key, "cut")).choice(highest)
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

    async def _entropy(
        self, request_id: str, prompt_ids: list[int], token_ids: list[int], kwargs: dict[str, Any]
    ) -> list[float]:
        """For each of `token_ids`, of the distribution that it was drawn from, in nats."""
        output = await self.client.generate(
            request_id=f"{request_id}-entropy",
            prompt_ids=[*prompt_ids, *token_ids],
            # what is sampled is not used, but one request without a seed makes vLLM's CPU sampler ignore all seeds
            sampling_params={"temperature": 1.0, "max_tokens": 1, "prompt_logprobs": ENTROPY_TOKENS, "seed": 0},
            **kwargs,
        )
        # entry j is the distribution that token j + 1 was drawn from
        given = output.extra_fields["prompt_logprobs"][len(prompt_ids) - 1 : len(prompt_ids) + len(token_ids) - 1]
        entropies = []
        for log_probs in given:
            probabilities = [math.exp(value) for value in log_probs]
            rest = max(1.0 - sum(probabilities), 0.0)
            entropies.append(-sum(p * math.log(p) for p in (*probabilities, rest) if p > 0))
        return entropies
