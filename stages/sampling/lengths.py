"""Whether prompts fit the context: counted with the model's own tokenizer, before anything is trained or served.

vLLM refuses a prompt that leaves no room for `max_tokens`, and sampling would end there.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from stages.common.files import InputError, read_json
from stages.text.prompts import prompt_of

SHOWN = 3  # problems that a message names


def counter(model: Path) -> Callable[[str], int]:
    """Tokens of a user's message in the chat template of the model in the folder, up to where its reply begins."""
    # transformers takes seconds to import
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)

    def count(message: str) -> int:
        chat = [{"role": "user", "content": message}]
        encoded: Any = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=True)
        return len(encoded["input_ids"])

    return count


def check_prompts(
    benchmark: str, problems: Iterable[dict[str, Any]], template: str, longest: int, count: Callable[[str], int]
) -> None:
    """InputError names the problems whose prompts have more than `longest` tokens."""
    lengths = {problem["id"]: count(prompt_of(template, problem["problem"])) for problem in problems}
    over = {name: length for name, length in lengths.items() if length > longest}
    if over:
        named = ", ".join(f"{name} ({length})" for name, length in list(over.items())[:SHOWN])
        raise InputError(
            f"evaluation.max_prompt_tokens: {len(over)} prompts of {benchmark} have more than {longest} tokens: {named}"
            f"{' and more' if len(over) > SHOWN else ''}; give {max(over.values())} or more, or leave the benchmark out"
        )


def check_context(
    model: Path, context: int, of: str = "samples of evaluation", settings: str = "evaluation.max_tokens"
) -> None:
    """InputError where the model's config.json does not allow sequences of `context` tokens, which vLLM refuses.

    `of` says what they consist of beside prompts, and `settings` names what sets their length.
    """
    allowed = read_json(model / "config.json").get("max_position_embeddings")
    if allowed is not None and context > allowed:
        raise InputError(
            f"model.max_position_embeddings: config.json of {model} allows {allowed} tokens, and prompts and {of} may "
            f"have {context}; give that, or lower {settings} or max_prompt_tokens"
        )
