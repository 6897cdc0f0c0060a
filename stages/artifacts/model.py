"""A model as a stage writes it: an HF folder with its configuration, its tokenizer's files and its weights."""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from stages.common.files import InputError, parse_json

CONFIG, INDEX, WEIGHTS = "config.json", "model.safetensors.index.json", "*.safetensors"


def check_model(folder: Path) -> None:
    """InputError unless every JSON file can be read, and the weights are there to their last byte.

    A safetensors file says in its head how long it is; an index says which tensor lies in which file.
    """
    contents = {path.name: _json(path) for path in sorted(folder.glob("*.json"))}
    if "model_type" not in contents.get(CONFIG, {}):
        raise InputError(f"{folder / CONFIG} is missing or names no model_type")
    stored = {path.name: _tensors(path) for path in sorted(folder.glob(WEIGHTS))}
    if not any(stored.values()):
        raise InputError(f"{folder} holds no weights ({WEIGHTS})")
    for tensor, file in contents.get(INDEX, {}).get("weight_map", {}).items():
        if tensor not in stored.get(file, ()):
            raise InputError(f"{folder / INDEX}: {tensor} is not in {file}")


def _json(path: Path) -> Any:
    try:
        return parse_json(path.read_text(encoding="utf-8"), infinite=True)
    except ValueError as error:  # UnicodeDecodeError is one
        raise InputError(f"{path} is no whole JSON file ({error})")


def _tensors(path: Path) -> set[str]:
    try:
        with safe_open(path, "numpy") as file:
            return set(file.keys())
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is no whole safetensors file ({error})")
