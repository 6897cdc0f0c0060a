"""What can be known of a profile's models before any of them is loaded: that a folder is whole, and that it has room.

What a model has room for stands in its config.json. That of a hub model or a package is not on this machine yet, unless
the profile states it (`model.max_position_embeddings`); stages prepare and train look at the model itself.
"""

from pathlib import Path
from typing import Any

from stages.artifacts.model import CONFIG, check_model
from stages.common.files import InputError, read_json
from stages.lab.problems import LONGEST
from stages.profile.sections.model import ChatTemplate, Model
from stages.profile.sections.released import Released
from stages.profile.sections.train import Train

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
TEMPLATE = "chat_template.jinja"


def check_models(model: Model, released: dict[str, Released], train: Train | None, prompt: int, sample: int) -> None:
    """InputError where a folder holds no whole model, or one has no room for the training's or evaluation's sequences.

    `prompt` and `sample` are the longest of evaluation, in tokens.
    """
    if model.source == "folder":
        check_folder("model.name", Path(model.name), model.chat_template)
    if (room := room_of(model)) is not None:
        where = (
            f"{'model.max_position_embeddings' if model.max_position_embeddings else 'its config.json'} allows {room}"
        )
        if train and train.max_prompt_tokens + train.max_response_tokens > room:
            raise InputError(
                f"train.max_response_tokens: prompts and responses may have {train.max_prompt_tokens} + "
                f"{train.max_response_tokens} = {train.max_prompt_tokens + train.max_response_tokens} tokens, and the model "
                f"holds fewer: {where}; lower train.max_prompt_tokens or max_response_tokens, or raise "
                "model.max_position_embeddings"
            )
        _check_evaluation(prompt, sample, room, f"model: {where}")
    for name, other in released.items():
        if other.source == "folder":
            folder = Path(other.folder)
            check_folder(f"models.{name}.folder", folder, other.chat_template)
            if (room := _positions(folder)) is not None:
                _check_evaluation(prompt, sample, room, f"models.{name}: its config.json allows {room}")


def room_of(model: Model) -> int | None:
    """Tokens of prompt and response together; None where that is not known yet."""
    if model.max_position_embeddings or model.source == "lab":
        return model.max_position_embeddings or LONGEST
    return _positions(Path(model.name)) if model.source == "folder" else None


def check_folder(field: str, folder: Path, chat_template: ChatTemplate) -> None:
    """InputError, naming the setting `field`, unless the folder has whole weights, a tokenizer and a chat template."""
    try:
        check_model(folder)
    except InputError as error:
        raise InputError(f"{field}: {error}; give an HF folder with config.json and whole weights")
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise InputError(
            f"{field}: {folder} has no tokenizer ({', '.join(TOKENIZERS)}); copy it there from the model's hub page"
        )
    templates = _template(folder / "tokenizer_config.json") or (folder / TEMPLATE).is_file()
    if chat_template == "own" and not templates:
        raise InputError(
            f"{field}: {folder} has no chat template; add {TEMPLATE}, or set chat_template: none for a model that is given "
            "the prompt alone"
        )


def _template(path: Path) -> Any:
    return read_json(path).get("chat_template") if path.is_file() else None


def _positions(folder: Path) -> int | None:
    return read_json(folder / CONFIG).get("max_position_embeddings")


def _check_evaluation(prompt: int, sample: int, room: int, where: str) -> None:
    if prompt + sample > room:
        raise InputError(
            f"evaluation.max_tokens: prompts and samples may have {prompt} + {sample} = {prompt + sample} tokens, and a model "
            f"holds fewer: {where}; lower evaluation.max_tokens or evaluation.max_prompt_tokens"
        )
