"""A rollout batch: prompts, responses of the policy itself, and what a method is told of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedTokenizerBase

from stages.probes.batch import TokenBatch, token_batch
from stages.probes.policy import Policy, in_double
from stages.rl.batch import Responses, TrainingStep


@dataclass(frozen=True)
class Prompt:
    """`data_source` and `gold` are what the reward is decided by."""

    identity: str
    tokens: list[int]
    data_source: str
    gold: str


Score = Callable[[Prompt, str], tuple[bool, str | None]]  # prompt, text of a response -> right?, answer as read


def roll_out(
    policy: Policy,
    initial: Policy,
    tokenizer: PreTrainedTokenizerBase,
    prompts: list[Prompt],
    responses: int,
    longest: int,
    score: Score,
    training_step: TrainingStep,
    seed: int,
) -> tuple[TokenBatch, Responses]:
    """`responses` to each of `prompts`, of at most `longest` tokens. `initial` is the reference of methods that have one.

    The probabilities that the engine would have given are those of the policy: there is no other engine here.
    """
    asked = [prompt for prompt in prompts for _ in range(responses)]
    end: Any = tokenizer.eos_token_id
    ends = sorted({end, *policy.ends})
    padding: Any = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else end
    tokens = [prompt.tokens for prompt in asked]
    sampled = sample_responses(policy, tokens, longest, ends, padding, seed)
    texts = [str(tokenizer.decode(response, skip_special_tokens=True)) for response in sampled]
    scored = [score(prompt, text) for prompt, text in zip(asked, texts, strict=True)]
    batch = token_batch(tokens, sampled, padding).to(policy.device)
    view = policy.view(policy.weights, batch)
    correct = torch.tensor([right for right, _ in scored], device=policy.device)
    index = torch.arange(len(asked), device=policy.device)
    return batch, Responses(
        response_mask=batch.mask,
        token_ids=batch.token_ids,
        old_log_prob=view.log_prob,
        old_entropy=view.entropy,
        rewards=correct.double(),
        correct=correct,
        group=index // responses,
        index=index,
        training_step=replace(training_step, entropy=view.entropy[batch.mask].mean().item()),
        reference_log_prob=initial.view(initial.weights, batch).log_prob,
        engine_log_prob=view.log_prob,
        longest=longest,
        prompt_id=tuple(prompt.identity for prompt in asked),
        answer=tuple(answer or None for _, answer in scored),
        decode=lambda token: str(tokenizer.decode([token])),
    )


@torch.no_grad()
def sample_responses(
    policy: Policy,
    prompts: list[list[int]],
    longest: int,
    ends: list[int],
    padding: int,
    seed: int,
) -> list[list[int]]:
    """A response to each prompt, sampled from the policy's whole distribution by transformers' own `generate`.

    A response ends with one of the tokens `ends`, or after `longest` tokens. The same seed, prompts and number of threads
    give the same responses; the generators of the process are left as they were.
    """
    model, width = policy.model, max(map(len, prompts))
    ids = torch.tensor([[padding] * (width - len(prompt)) + prompt for prompt in prompts], device=model.device)
    seen = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=model.device)
    # a model's folder may set a top_k or a penalty of its own, which `generate` would take for what is not given here
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=policy.temperature,
        top_k=0,
        top_p=1.0,
        max_new_tokens=longest,
        eos_token_id=ends,
        pad_token_id=padding,
    )
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices), in_double():
        torch.manual_seed(seed)
        generated = model.generate(input_ids=ids, attention_mask=seen)[:, width:].tolist()
    found = []
    for tokens in generated:
        stop = next((place for place, token in enumerate(tokens) if token in ends), longest)
        found.append(tokens[: stop + 1])
    return found
