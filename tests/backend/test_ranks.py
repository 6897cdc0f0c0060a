"""The real actor on one and on two ranks, with large and small micro-batches, padded and not: the gradient is the same.

A micro-batch larger than a rank's part of the mini-batch is that part.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from stages.backend.config import session_settings
from stages.backend.environment import environment
from stages.common.files import write_json
from stages.profile.params import load
from stages.profile.plans.train import TrainPlan
from stages.profile.resolution import training_plan
from tests.project import ROOT

pytestmark = pytest.mark.slow
RESPONSES, PROMPT, VOCABULARY = 32, 6, 401
TOKENS = 64  # at most, in a micro-batch without padding: about five of the responses with their prompts
# one method of each kind: plain, maximum, per-response mean, mask with quantile, random choice, reference, logits; a ranking,
# bounds from sums, a weight by length, responses that are left out, the likeliest tokens, the engine's log-probs
SEVERAL = [
    *("grpo", "steer", "gspo", "forking_tokens", "clip_cov", "archer", "aent", "clip_v", "dr_grpo"),
    *("stare", "bapo", "luspo", "grpo_dropout", "simko", "dppo"),
]
OF_MICRO_BATCHES = ["forking_tokens=code", "kl_cov=verl"]  # what these learn depends on the micro-batch
# ranks -> (micro-batch, tokens of one without padding) of the actors
ACTORS: dict[int, list[tuple[int, int | None]]] = {
    1: [(RESPONSES, None), (8, None), (8, TOKENS), (40, None)],
    2: [(8, None), (8, TOKENS), (24, None)],
}


@pytest.fixture(scope="module")
def gradients(shipped_model, tmp_path_factory):
    """(ranks, micro-batch, tokens of one without padding) -> method -> weight's name -> gradient."""
    folder = tmp_path_factory.mktemp("ranks")
    torch.save(mini_batch(), folder / "mini_batch.pt")
    launches = {
        (ranks, *actor): folder / f"{ranks}-{actor[0]}-{actor[1]}.json"
        for ranks, actors in ACTORS.items()
        for actor in actors
    }
    for actor, launch in launches.items():
        plan = plan_of(*actor)
        write_json(launch, session_settings([(plan, folder)], folder / "none.parquet", shipped_model))
    run_ranks(environment(plan.backend), folder / "mini_batch.pt", launches)
    return {actor: torch.load(launch.with_suffix(".pt")) for actor, launch in launches.items()}


def plan_of(ranks: int, micro_batch: int, tokens: int | None) -> TrainPlan:
    params = load(ROOT / "profiles/smoke.yaml")
    train = params.train.model_copy(update={"micro_batch": micro_batch})
    backend = params.backend.model_copy(update={"threads": 1, "devices": ranks, "micro_batch_tokens": tokens})
    return training_plan(params.model_copy(update={"train": train, "backend": backend}), "grpo", 1)


def run_ranks(variables: dict[str, str], batch: Path, launches: dict[tuple, Path]) -> None:
    """The actors of `launches`, (ranks, …) -> file, one after another, in a process a rank."""
    of_ranks = {ranks: ",".join(str(path) for (own, *_), path in launches.items() if own == ranks) for ranks in ACTORS}
    names = ",".join([*SEVERAL, *OF_MICRO_BATCHES])
    command = [sys.executable, "-m", "tests.rank_program", batch, names]
    ended = subprocess.run(
        [*command, *(f"{ranks}:{paths}" for ranks, paths in of_ranks.items())],
        env={**os.environ, **variables},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout[-3000:]


def mini_batch() -> dict:
    """32 ragged responses of random tokens, as the trainer hands them to the actor."""
    generator = torch.Generator().manual_seed(5)
    lengths = torch.randint(1, 13, (RESPONSES,), generator=generator).tolist()

    def tokens(size):
        return torch.randint(VOCABULARY, (size,), generator=generator)

    def normal(size):
        return torch.randn(size, generator=generator)

    prompts, responses = [tokens(PROMPT) for _ in lengths], [tokens(length) for length in lengths]
    inputs = [torch.cat(pair) for pair in zip(prompts, responses, strict=True)]
    rewards = torch.randint(2, (RESPONSES,), generator=generator).float()
    return {
        "prompts": prompts,
        "responses": responses,
        "input_ids": inputs,
        "position_ids": [torch.arange(len(ids)) for ids in inputs],
        "response_mask": [torch.ones(length, dtype=torch.long) for length in lengths],
        "loss_mask": [torch.ones(length, dtype=torch.long) for length in lengths],
        "old_log_probs": [-8 + normal(length) for length in lengths],
        "entropy": [1 + normal(length).abs() for length in lengths],
        "advantages": [normal(1).expand(length).clone() for length in lengths],
        "ref_log_prob": [-8 + normal(length) for length in lengths],
        "rollout_log_probs": [-8 + normal(length) for length in lengths],
        "per_response": {
            "bench_reward": rewards,
            "bench_correct": rewards > 0,
            "bench_group": torch.arange(RESPONSES) // 8,
            "bench_index": torch.arange(RESPONSES),
        },
        "progress": {"step": 1, "total_steps": 10, "state": {}, "seed": 3, "entropy": 0.1},  # below STARE's target
    }


def same(one, other):
    scale = max(gradient.abs().max() for gradient in one.values())
    return scale > 0 and all(torch.allclose(one[w], other[w], atol=1e-5 * scale, rtol=1e-5) for w in one)


SPLITS = {
    "micro-batches": (1, 8, None),
    "two ranks": (2, 8, None),
    "without padding": (1, 8, TOKENS),
    "without padding on two ranks": (2, 8, TOKENS),
}
LARGER = {"larger micro-batch": (1, 40, None), "larger micro-batch on two ranks": (2, 24, None)}


@pytest.mark.parametrize("split", (SPLITS | LARGER).values(), ids=SPLITS | LARGER)
@pytest.mark.parametrize("name", SEVERAL)
def test_the_split_of_a_mini_batch_changes_no_gradient(gradients, name, split):
    assert same(gradients[1, RESPONSES, None][name], gradients[split][name])


@pytest.mark.parametrize("name", OF_MICRO_BATCHES)
def test_what_looks_at_micro_batches_depends_on_them_and_on_neither_ranks_nor_padding(gradients, name):
    for split in SPLITS.values():
        assert same(gradients[1, 8, None][name], gradients[split][name])
    assert not same(gradients[1, RESPONSES, None][name], gradients[1, 8, None][name])


@pytest.mark.parametrize("name", SEVERAL)
def test_a_micro_batch_larger_than_the_mini_batch_is_the_mini_batch(gradients, name):
    whole, larger = gradients[1, RESPONSES, None][name], gradients[1, 40, None][name]
    assert all(torch.equal(whole[weight], larger[weight]) for weight in whole)


def test_methods_differ(gradients):
    """Or the comparison above would show nothing."""
    one, *others = (gradients[1, RESPONSES, None][name] for name in SEVERAL)
    assert all(any(not torch.equal(one[weight], other[weight]) for weight in one) for other in others)
