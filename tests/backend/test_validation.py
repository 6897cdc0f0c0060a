"""Validation in training: what it asks of the engine, and what is refused. With the real engine: tests/pipeline/test_end_to_end.py."""

import asyncio
import re

import pytest
from transformers import AutoTokenizer
from verl.workers.rollout.replica import TokenOutput

from stages.backend.held_out import check_validation
from stages.backend.validation import Validator, read_problems
from stages.common.files import InputError
from stages.datasets.verl import verl_row, write_parquet
from stages.profile.params import load
from stages.profile.sections.train import Train, Validation
from tests.project import ROOT

SUMS = [(3, 8), (5, 4), (9, 9)]


class Engine:
    """It answers as verl's client does: the sum of a prompt's numbers, right for even response seeds alone; the last first."""

    def __init__(self, tokenizer):
        self.tokenizer, self.asked = tokenizer, {}

    async def generate(self, request_id, *, prompt_ids, sampling_params):
        assert request_id not in self.asked
        self.asked[request_id] = sampling_params
        await asyncio.sleep(0.01 / len(self.asked))
        numbers = map(int, re.findall(r"\d+", self.tokenizer.decode(prompt_ids)))
        total = sum(numbers) + sampling_params["seed"] % 2
        return TokenOutput(token_ids=self.tokenizer(rf" left: so\boxed{{{total}}}")["input_ids"])


@pytest.fixture(scope="module")
def tokenizer(shipped_model):
    return AutoTokenizer.from_pretrained(shipped_model)


def write(path, sums):
    lines = [
        {"id": str(terms), "problem": f"total {' '.join(map(str, terms))}", "answer": str(sum(terms)), "source": "own"}
        for terms in sums
    ]
    write_parquet(path, [verl_row(number, line, "plain") for number, line in enumerate(lines)])
    return path


def train(**given):
    return Train.model_validate(load(ROOT / "profiles/smoke.yaml").train.model_dump() | given)


def validation(**given):
    return Validation(
        **{"dataset": "own", "every": 1, "prompts": 3, "responses_per_prompt": 40, "temperature": 1.0} | given
    )


def validator(tokenizer, problems, **given):
    return Validator(problems, validation(**given), "exact_box", tokenizer, 56)


def test_it_is_the_share_of_right_responses(tokenizer, tmp_path):
    problems = read_problems(write(tmp_path / "own.parquet", SUMS), 2)
    assert [problem.gold for problem in problems] == ["11", "9"]
    engine = Engine(tokenizer)
    found = validator(tokenizer, problems).share(engine, 7)
    assert len(engine.asked) == 80 and 0.3 < found < 0.7
    assert found == sum(asked["seed"] % 2 == 0 for asked in engine.asked.values()) / 80
    assert {(asked["temperature"], asked["max_tokens"]) for asked in engine.asked.values()} == {(1.0, 56)}


def test_seeds_are_the_runs(tokenizer, tmp_path):
    """All validations of a run draw alike, whatever order their answers come in; another run's draw otherwise."""
    problems = read_problems(write(tmp_path / "own.parquet", SUMS), 3)

    def seeds(of_run):
        engine = Engine(tokenizer)
        validator(tokenizer, problems).share(engine, of_run)
        return {name: asked["seed"] for name, asked in engine.asked.items()}

    assert seeds(7) == seeds(7) and len(set(seeds(7).values())) == 120
    assert not set(seeds(7).values()) & set(seeds(8).values())


@pytest.mark.parametrize("every, steps", [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [1, 4, 7]), (10, [1])])
def test_the_base_model_is_validated_first(every, steps):
    found = validator(None, [], every=every)
    assert [step for step in range(1, 8) if found.due(step)] == steps


@pytest.mark.parametrize(
    "trained, given, longest, said",
    [
        ([(1, 1)], {"prompts": 4}, 32, "own has 3, fewer than 4"),
        ([(1, 1), SUMS[2]], {}, 32, "1 of 3 prompts of own are trained on"),
        ([(1, 1)], {}, 2, "3 of 3 prompts of own have more than"),
    ],
)
def test_what_says_nothing_of_the_policy_is_refused(shipped_model, tmp_path, trained, given, longest, said):
    own, data = write(tmp_path / "own.parquet", SUMS), write(tmp_path / "data.parquet", trained)
    with pytest.raises(InputError, match=said):
        check_validation(train(max_prompt_tokens=longest, validation=validation(**given)), own, data, shipped_model)


def test_what_may_be_validated(shipped_model, tmp_path):
    own, data = write(tmp_path / "own.parquet", SUMS), write(tmp_path / "data.parquet", [(1, 1), SUMS[2]])
    check_validation(train(validation=validation(prompts=2)), own, data, shipped_model)  # of the third nothing is asked
