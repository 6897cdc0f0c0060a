"""Branches of a response: which tokens they share, with an engine whose answers are known.

tests/backend/test_session.py has branches with the real engine.
"""

import asyncio
import math

from verl.workers.rollout.replica import TokenOutput

from stages.backend.agent_loop import BranchingAgentLoop, _Branching, response_seed

LENGTH, SEED = 12, 5
UNCERTAIN = (3, 7)  # tokens of the stem before which the engine is unsure


class Engine:
    """Answers with the request's seed, then with numbers that count up."""

    def __init__(self):
        self.asked = []

    async def generate(self, request_id, *, prompt_ids, sampling_params, **kwargs):
        self.asked.append((prompt_ids, sampling_params))
        if "prompt_logprobs" in sampling_params:
            unsure = [UNCERTAIN_TOKEN if t in UNCERTAIN else SURE_TOKEN for t in range(LENGTH)]
            told = [SURE_TOKEN] * (len(prompt_ids) - LENGTH - 1) + unsure + [SURE_TOKEN]
            return TokenOutput(token_ids=[0], extra_fields={"prompt_logprobs": told})
        size = sampling_params.get("max_tokens", LENGTH)
        return TokenOutput(token_ids=[sampling_params["seed"], *range(1, size)], log_probs=[-0.5] * size)


UNCERTAIN_TOKEN, SURE_TOKEN = [math.log(0.5)] * 2, [0.0]


def branch(top: int, branch_of: int = 4, sessions: int = 8):
    """The responses to one prompt of two tokens, with the cut of each, and what the engine was asked."""
    loop = BranchingAgentLoop.__new__(BranchingAgentLoop)
    loop.response_length = LENGTH
    engine = Engine()

    async def one(session):
        prompt = {
            "uid": "p",
            "session_id": session,
            "branch_of": branch_of,
            "branch_top_entropy": top,
            "run_seed": SEED,
        }
        branching = _Branching(engine, loop, prompt)
        own = {"seed": response_seed(SEED, "p", session), "temperature": 1.0}
        response = await branching.generate(f"r{session}", prompt_ids=[90, 91], sampling_params=own)
        return response, branching.cut

    async def group():
        return await asyncio.gather(*(one(session) for session in range(sessions)))

    return asyncio.run(group()), engine, loop


def test_a_stem_is_cut_once_and_continued_with_seeds_of_their_own():
    responses, _, loop = branch(top=2)
    for first in (0, 4):
        stem, *others = responses[first : first + 4]
        assert stem[1] == 0 and stem[0].token_ids[0] == response_seed(SEED, "p", first)
        (cut,) = {cut for _, cut in others}
        assert cut in UNCERTAIN
        for session, (response, _) in enumerate(others, first + 1):
            assert response.token_ids[:cut] == stem[0].token_ids[:cut]
            assert response.token_ids[cut] == response_seed(SEED, "p", session)
            assert len(response.token_ids) == len(response.log_probs) == LENGTH
    assert loop.stems == {}


def test_every_request_has_a_seed():
    """One without makes vLLM's CPU sampler ignore the seeds of all that it computes with it."""
    _, engine, _ = branch(top=20)
    assert engine.asked and all("seed" in sampling_params for _, sampling_params in engine.asked)


def test_the_same_seed_cuts_at_the_same_place():
    first, again = (branch(top=5)[0] for _ in range(2))
    assert [(response.token_ids, cut) for response, cut in first] == [
        (response.token_ids, cut) for response, cut in again
    ]
