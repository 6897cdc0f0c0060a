"""A model of a few hundred weights and random batches of it, for which everything can be computed in a moment."""

from pathlib import Path

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from stages.probes.batch import TokenBatch, token_batch
from stages.probes.experiment import Setting
from stages.probes.policy import Policy
from stages.probes.step import Rule
from stages.rl.batch import Responses, TrainingStep
from stages.rl.method import Method

VOCABULARY = 11
SGD = Rule("sgd", (0.9, 0.999), 1e-8, 0.0, 1e9)
ADAMW = Rule("adamw", (0.9, 0.999), 1e-3, 0.01, 1.0)


def small_policy(folder: Path, micro_batch: int = 3, temperature: float = 1.0) -> Policy:
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=32,
        tie_word_embeddings=True,
        initializer_range=0.5,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return Policy(folder, temperature, micro_batch)


def random_batch(policy: Policy, seed: int = 0, prompts: int = 4, responses: int = 2) -> tuple[TokenBatch, Responses]:
    """Random responses, one right and one wrong to each prompt, under the policy's own probabilities."""
    generator = torch.Generator().manual_seed(seed)

    def tokens(least: int, most: int) -> list[int]:
        size = int(torch.randint(least, most + 1, (), generator=generator))
        return torch.randint(VOCABULARY, (size,), generator=generator).tolist()

    asked = [prompt for prompt in (tokens(1, 4) for _ in range(prompts)) for _ in range(responses)]
    batch = token_batch(asked, [tokens(1, 5) for _ in asked], padding=0)
    view = policy.view(policy.weights, batch)
    rewards = (torch.arange(len(asked)) % 2).double()
    return batch, Responses(
        response_mask=batch.mask,
        token_ids=batch.token_ids,
        old_log_prob=view.log_prob,
        old_entropy=view.entropy,
        rewards=rewards,
        correct=rewards > 0,
        group=torch.arange(len(asked)) // responses,
        index=torch.arange(len(asked)),
        training_step=TrainingStep(1, 10, {}, seed=3, entropy=view.entropy[batch.mask].mean().item()),
        reference_log_prob=view.log_prob,
        engine_log_prob=view.log_prob,
        longest=6,
        prompt_id=tuple(f"p{i // responses}" for i in range(len(asked))),
        answer=("7",) * len(asked),
        decode=str,
    )


def setting(method: Method, rules: dict[str, tuple[Rule, list[float]]], updates: int = 2, coupled: int = 3) -> Setting:
    return Setting(
        rules=rules,
        trainer=ADAMW,
        learning_rate=0.03,
        updates=updates,
        epochs=method.settings.epochs,
        micro_batch=3,
        horizon=5,
        coupled_states=coupled,
        seed=5,
    )
