"""Warm-starts the laboratory's model: a small Qwen2 trained on worked solutions of every style, slips included.

One thread and one generator, so two runs on one machine give the same bytes. The result is stored in float16 (its
rounding is part of the recipe) and shipped with the project, since the recipe takes minutes and smoke should not.
"""

import random
from collections.abc import Iterator

import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerBase, Qwen2Config, Qwen2ForCausalLM

from stages.lab.problems import FAMILIES, LEVELS, LONGEST, generate_problem, is_held_out, write_solution

BATCH = 32
LEARNING_RATE, WARM_UP_STEPS, FINAL_FRACTION = 3e-3, 60, 0.02
FAMILY_SHARES = (0.45, 0.30, 0.25)
BATCHES_A_CHUNK = 16  # examples are sorted by length within a chunk, so that little is padded


def build_model(tokenizer: PreTrainedTokenizerBase) -> Qwen2ForCausalLM:
    """A Qwen2 of 1.1 million parameters with freshly drawn weights (torch's global generator)."""
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=-(-len(tokenizer) // 8) * 8,
            hidden_size=128,
            num_hidden_layers=4,
            intermediate_size=512,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=LONGEST,
            tie_word_embeddings=True,
            rope_theta=10_000.0,  # transformers takes it into rope_parameters
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def batches(rng: random.Random, tokenizer: PreTrainedTokenizerBase) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Endless (token ids, labels), both [32, tokens]; labels are -100 outside the response."""
    while True:
        examples: list[tuple[list[int], list[int]]] = []
        while len(examples) < BATCH * BATCHES_A_CHUNK:
            problem = generate_problem(rng, rng.choices(FAMILIES, FAMILY_SHARES)[0], rng.choice(LEVELS))
            if is_held_out(problem.prompt):
                continue
            prompt = encode_prompt(tokenizer, problem.prompt)
            solution = tokenizer.encode(write_solution(rng, problem), add_special_tokens=False)
            examples.append((prompt, [*solution, tokenizer.eos_token_id]))
        examples.sort(key=lambda example: len(example[0]) + len(example[1]))
        chunk = [examples[i : i + BATCH] for i in range(0, len(examples), BATCH)]
        rng.shuffle(chunk)
        for batch in chunk:
            width = max(len(prompt) + len(solution) for prompt, solution in batch)
            ids = torch.full((BATCH, width), tokenizer.pad_token_id)
            labels = torch.full((BATCH, width), -100)
            for row, (prompt, solution) in enumerate(batch):
                ids[row, : len(prompt) + len(solution)] = torch.tensor(prompt + solution)
                labels[row, len(prompt) : len(prompt) + len(solution)] = torch.tensor(solution)
            yield ids, labels


def encode_prompt(tokenizer: PreTrainedTokenizerBase, prompt: str) -> list[int]:
    turns = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    return tokenizer.encode(text, add_special_tokens=False)


def warm_start(
    tokenizer: PreTrainedTokenizerBase, seed: int, steps: int, report=lambda step, loss: None
) -> Qwen2ForCausalLM:
    """Trains for `steps` batches with a linearly falling learning rate; calls `report(step, loss)` after each."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    model = build_model(tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)

    def rate(step: int) -> float:
        return min(1, (step + 1) / WARM_UP_STEPS) * max(FINAL_FRACTION, 1 - step / steps)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    for step, (ids, labels) in zip(range(1, steps + 1), batches(rng, tokenizer), strict=False):
        hidden = model.model(ids[:, :-1]).last_hidden_state  # padding stands right: causal attention never sees it
        targets = labels[:, 1:]
        loss = cross_entropy(model.lm_head(hidden[targets >= 0]), targets[targets >= 0])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        report(step, loss.item())
    return model
