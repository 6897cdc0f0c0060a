"""verl's single-turn agent loop, with a sampling seed of its own for every response.

verl's `rollout.full_determinism` would give all responses of a group the same seed. Here the seed depends on the run's
seed, the prompt's place in the run and the response's number, so it survives any order of requests and a resume.
"""

import zlib

from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop
from vllm.sampling_params import RequestOutputKind


class SeededSingleTurnAgentLoop(SingleTurnAgentLoop):
    async def run(self, sampling_params, **kwargs):
        identity = f"{self.rollout_config.seed}:{kwargs['uid']}:{kwargs['session_id']}"
        own = {
            "seed": zlib.crc32(identity.encode()) & 0x7FFFFFFF,
            # nobody reads a reply before it is whole, nor its text here: spares vLLM a message and a string per token
            "output_kind": RequestOutputKind.FINAL_ONLY,
            "detokenize": False,
        }
        return await super().run({**sampling_params, **own}, **kwargs)
