"""What can be known of a profile's models before any of them is loaded: that a folder is whole, and that it has room.

What a model has room for stands in its config.json. That of a hub model is on this machine once stage model has run; before
that `python -m stages.resolve --check` asks the hub for it (machine.py). Stages prepare and train look at the model itself.
"""

from pathlib import Path
from typing import Any

from stages.artifacts.model import CONFIG, check_model
from stages.common.files import InputError, read_json
from stages.lab.problems import LONGEST
from stages.profile.sections.model import ChatTemplate, Model
from stages.profile.sections.released import Released
from stages.profile.sections.train import Train

PACKAGE_ROOM = 8192  # of SmolLM2-135M, the one model that a package holds
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
TEMPLATE = "chat_template.jinja"


def check_models(model: Model, released: dict[str, Released], train: Train | None, prompt: int, sample: int) -> None:
    """InputError where a folder holds no whole model, or one has no room for the training's or evaluation's sequences.

    `prompt` and `sample` are the longest of evaluation, in tokens.
    """
    if model.source == "folder":
        check_folder("model.name", Path(model.name), model.chat_template)
    if (room := room_of(model)) is not None:
        where = "its config.json" if model.source == "folder" else "the package's model"
        check_room(
            "model",
            room,
            "model.max_position_embeddings" if model.max_position_embeddings else where,
            train,
            prompt,
            sample,
        )
    for name, other in released.items():
        if other.source == "folder":
            folder = Path(other.folder)
            check_folder(f"models.{name}.folder", folder, other.chat_template)
            check_room(f"models.{name}", positions(read_json(folder / CONFIG)), "its config.json", None, prompt, sample)


def room_of(model: Model) -> int | None:
    """Tokens of prompt and response together; None where that is not known yet."""
    if model.max_position_embeddings:
        return model.max_position_embeddings
    known = {"lab": LONGEST, "package": PACKAGE_ROOM}
    return positions(read_json(Path(model.name) / CONFIG)) if model.source == "folder" else known.get(model.source)


def positions(config: dict[str, Any]) -> int | None:
    """What a config.json says of it; that of a model of texts and pictures says it of its texts."""
    return config.get("max_position_embeddings") or config.get("text_config", {}).get("max_position_embeddings")


def check_room(field: str, room: int | None, where: str, train: Train | None, prompt: int, sample: int) -> None:
    """InputError where a training, or evaluation with prompts and samples so long, has longer sequences than `room` tokens.

    `where` is what says how much room there is; without one everything is taken.
    """
    if room is None:
        return
    if train and train.max_prompt_tokens + train.max_response_tokens > room:
        raise InputError(
            f"train.max_response_tokens: prompts and responses may have {train.max_prompt_tokens} + "
            f"{train.max_response_tokens} = {train.max_prompt_tokens + train.max_response_tokens} tokens, and the model "
            f"holds fewer: {where} allows {room}; lower train.max_prompt_tokens or max_response_tokens, or raise "
            "model.max_position_embeddings"
        )
    if prompt + sample > room:
        raise InputError(
            f"evaluation.max_tokens: prompts and samples may have {prompt} + {sample} = {prompt + sample} tokens, and a model "
            f"holds fewer: {field}: {where} allows {room}; lower evaluation.max_tokens or evaluation.max_prompt_tokens"
        )


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
