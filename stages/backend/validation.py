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


class Validator:
    """Asks the policies of a session for responses to `problems`, each of at most `longest` tokens.

    The rule `reward` says which of them are right.
    """

    def __init__(
        self, problems: list[Problem], validation: Validation, reward: Reward, tokenizer: Any, longest: int
    ) -> None:
        self.problems, self.validation, self.reward = problems, validation, reward
        self.tokenizer, self.longest = tokenizer, longest

    def due(self, step: int) -> bool:
        """Whether the policy that samples `step`, the first of which is 1, is validated."""
        return (step - 1) % self.validation.every == 0

    def share(self, engine: Any, seed: int) -> float:
        """Of the responses, those that are right; `engine` is verl's client of the servers, `seed` the run's."""
        found = asyncio.run(self._ask(engine, seed))
        return sum(found) / len(found)

    async def _ask(self, engine: Any, seed: int) -> list[bool]:
        """Whether each response is right, by problem."""
        asked = []
        for number, problem in enumerate(self.problems):
            prompt = self.tokenizer.apply_chat_template(
                problem.messages, add_generation_prompt=True, tokenize=True, return_dict=False
            )
            name = f"validation{number:06d}"
            asked += [
                self._right(engine, problem, prompt, f"{name}n{response}", response_seed(seed, name, response))
                for response in range(self.validation.responses_per_prompt)
            ]
        return await asyncio.gather(*asked)

    async def _right(self, engine: Any, problem: Problem, prompt: list[int], name: str, seed: int) -> bool:
        """Of one response, to the tokens `prompt`; `seed` is its own."""
        output = await engine.generate(
            request_id=name,
            prompt_ids=prompt,
            sampling_params={
                "temperature": self.validation.temperature,
                "seed": seed,
                "max_tokens": self.longest,
                "output_kind": RequestOutputKind.FINAL_ONLY,
                "detokenize": False,
            },
        )
        text = self.tokenizer.decode(output.token_ids, skip_special_tokens=True)
        return score_response(self.reward, problem.data_source, text, problem.gold).correct
