"""Validation: how many of its responses to prompts that the policy is not trained on are right.

verl's own names every prompt at random and draws without seeds, so that a run that goes on from a checkpoint would be
validated on other responses. Here all validations of a run draw with the same seeds.
"""

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet
from vllm.sampling_params import RequestOutputKind

from stages.backend.agent_loop import response_seed
from stages.backend.reward import score_response
from stages.profile.sections.train import Reward, Validation


class Problem(NamedTuple):
    """A row of a training set in verl's format (stages/datasets/verl.py)."""

    messages: list[dict[str, str]]
    data_source: str
    gold: str


def read_problems(path: Path, count: int) -> list[Problem]:
    """The first `count` of the file, or all if it has fewer."""
    table = pyarrow.parquet.read_table(path, columns=["prompt", "data_source", "reward_model"]).slice(0, count)
    return [
        Problem(row["prompt"], row["data_source"], row["reward_model"]["ground_truth"]) for row in table.to_pylist()
    ]


def share_right(
    engine: Any,
    tokenizer: Any,
    problems: list[Problem],
    validation: Validation,
    reward: Reward,
    seed: int,
    longest: int,
) -> float:
    """Of the responses to `problems`, each of at most `longest` tokens, those that the rule `reward` takes for right.

    `engine` is verl's client of the servers, `seed` the run's.
    """

    async def right(number: int, problem: Problem, prompt: list[int], response: int) -> bool:
        name = f"validation{number:06d}"
        output = await engine.generate(
            request_id=f"{name}n{response}",
            prompt_ids=prompt,
            sampling_params={
                "temperature": validation.temperature,
                "seed": response_seed(seed, name, response),
                "max_tokens": longest,
                "output_kind": RequestOutputKind.FINAL_ONLY,
                "detokenize": False,
            },
        )
        text = tokenizer.decode(output.token_ids, skip_special_tokens=True)
        return score_response(reward, problem.data_source, text, problem.gold).correct

    async def ask() -> list[bool]:
        asked = []
        for number, problem in enumerate(problems):
            prompt = tokenizer.apply_chat_template(
                problem.messages, add_generation_prompt=True, tokenize=True, return_dict=False
            )
            asked += [right(number, problem, prompt, response) for response in range(validation.responses_per_prompt)]
        return await asyncio.gather(*asked)

    found = asyncio.run(ask())
    return sum(found) / len(found)
