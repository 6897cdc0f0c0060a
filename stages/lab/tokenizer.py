r"""A byte-level BPE tokenizer for the laboratory in which every word of its problems is one token.

transformers 5 may load a `qwen2` model's tokenizer with its own Qwen2Tokenizer, whose pattern splits text differently
from GPT-2's. The vocabulary gives the same tokens under both: the 256 bytes, and for each word a chain of merges that
builds it from the left (`Ġl`, `Ġle`, `Ġlef`, `Ġleft`). Digits and signs stay single bytes.
"""

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from stages.lab.problems import CONNECTORS, FINAL_WORDS, LONGEST, OPERATIONS, STYLES, TEMPLATES

END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def words() -> list[str]:
    """Every word that is one token. Merges apply in this order: a word comes before one whose merges would cut it."""
    spaced = [f" {style}" for styles in STYLES.values() for style in styles]
    spaced += [f" {word}" for word in (*OPERATIONS, "gives")]
    spaced += [word for word in (*CONNECTORS, *FINAL_WORDS) if word.startswith(" ")]
    plain = [word for templates in TEMPLATES.values() for word in templates]
    return list(dict.fromkeys([*spaced, "boxed", "assistant", "system", "user", "start", *plain]))


def build(folder: Path) -> None:
    """Writes the tokenizer's files into `folder`; raises ValueError if a word is not one token after loading."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([END_OF_TEXT, TURN_START, TURN_END, *alphabet])}
    merges = []
    for word in words():
        letters = word.replace(" ", "Ġ")
        for end in range(2, len(letters) + 1):
            merge = (letters[: end - 1], letters[end - 1])
            if letters[:end] not in vocabulary:
                vocabulary[letters[:end]] = len(vocabulary)
                merges.append(merge)
    bpe = Tokenizer(models.BPE(vocabulary, merges))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=END_OF_TEXT,
        eos_token=TURN_END,
        additional_special_tokens=[TURN_START],
        model_max_length=LONGEST,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.save_pretrained(folder)
    loaded = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    split = [word for word in words() if len(loaded.encode(word, add_special_tokens=False)) != 1]
    if split:
        raise ValueError(f"these words are not one token: {split}; reorder `words()` so that no merge cuts them")


def token_class(token: str, follows_prompt: bool) -> str:
    """The class of a response token: `style` (the first), `connector`, `digit` or `other`."""
    if follows_prompt:
        return "style"
    if token in CONNECTORS or token in FINAL_WORDS:
        return "connector"
    return "digit" if token.isdigit() else "other"
