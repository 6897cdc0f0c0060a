"""Prompts as long as the profile allows, for a step at the longest length."""

from pathlib import Path

from stages.common.files import InputError
from stages.datasets.verl import verl_row, write_parquet
from stages.profile.params import Params
from stages.sampling.lengths import counter
from stages.text.prompts import prompt_of


def write_prompts(path: Path, number: int, params: Params, model: Path) -> None:
    """`number` prompts as long as allowed in the model's own chat template, each of digits of its own."""
    count, longest, template = counter(model), params.train.max_prompt_tokens, params.data.prompt

    def problem(index: int, words: int) -> str:
        return " ".join(str((index + word * (1 + index)) % 10) for word in range(words))

    def fits(index: int, words: int) -> bool:
        return count(prompt_of(template, problem(index, words))) <= longest

    if not fits(0, 1):
        raise InputError(f"train.max_prompt_tokens: {longest} leave no room in the prompt {template}; allow more")
    rows = []
    for index in range(number):
        low, high = 1, longest
        while low < high:  # the most words that fit
            middle = (low + high + 1) // 2
            low, high = (middle, high) if fits(index, middle) else (low, middle - 1)
        line = {"id": str(index), "problem": problem(index, low), "answer": "0", "source": "preflight"}
        rows.append(verl_row(index, line, template))
    write_parquet(path, rows)
