"""The parts of a rehearsal: tokenizer and tiny model, the problems that are kept, what its outcome has to be."""

import base64
import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from stages.artifacts.manifest import Entry, check_data, to_json
from stages.common.files import InputError, read_jsonl, sha256, write_json, write_jsonl
from stages.tools.rehearsal.folder import keep_problems
from stages.tools.rehearsal.outcome import check_resumed
from stages.tools.rehearsal.tiny_model import known_family, make
from stages.tools.rehearsal.tokenizer import OF_LLAMA, OF_QWEN, build


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """A byte-pair encoding of all bytes and three longer words."""
    words = [*(bytes([byte]) for byte in range(256)), b"ab", b"abc", b" ab"]
    path = tmp_path_factory.mktemp("ranks") / "small.tiktoken"
    path.write_bytes(b"".join(base64.b64encode(word) + b" %d\n" % rank for rank, word in enumerate(words)))
    return path


def test_a_tokenizer_has_the_ranks_and_the_families_tokens(ranks):
    tokenizer = build("Qwen/Qwen2.5-Math-7B", ranks)
    text = "abc ab 7é汉\n"
    ids = tokenizer(text)["input_ids"]
    assert ids[:4] == [257, 258, 32, 55] and tokenizer.decode(ids) == text  # digits stand alone
    assert len(tokenizer) == 259 + len(OF_QWEN) and tokenizer.eos_token == "<|endoftext|>"
    chat = tokenizer.apply_chat_template(
        [{"role": "user", "content": "7?"}], add_generation_prompt=True, tokenize=False
    )
    asked = "Please reason step by step, and put your final answer within \\boxed{}."
    assert chat == (f"<|im_start|>system\n{asked}<|im_end|>\n<|im_start|>user\n7?<|im_end|>\n<|im_start|>assistant\n")
    assert build("Qwen/Qwen2.5-7B-Instruct", ranks).eos_token == "<|im_end|>"


def test_a_llama_has_256_tokens_of_its_own_and_its_own_template(ranks):
    assert len(OF_LLAMA) == len(set(OF_LLAMA)) == 256
    assert [OF_LLAMA.index(f"<|{name}|>") for name in ("start_header_id", "end_header_id", "eot_id")] == [6, 7, 9]
    tokenizer = build("meta-llama/Llama-3.1-8B-Instruct", ranks)
    chat = tokenizer.apply_chat_template(
        [{"role": "user", "content": "7?"}], add_generation_prompt=True, tokenize=False
    )
    assert chat.startswith("<|begin_of_text|>") and chat.endswith(
        "<|start_header_id|>user<|end_header_id|>\n\n7?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    )


@pytest.mark.parametrize(
    ("name", "family", "words", "tied"),
    [
        ("Qwen/Qwen2.5-Math-7B", "qwen2", 152_064, False),
        ("Qwen/Qwen2.5-Math-1.5B", "qwen2", 151_936, True),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama", 128_256, False),
    ],
)
def test_known_families(name, family, words, tied):
    config = known_family(name, 4608)
    assert (config.model_type, config.vocab_size, config.tie_word_embeddings) == (family, words, tied)
    assert config.max_position_embeddings == 4608


def test_another_family_wants_a_folder():
    with pytest.raises(InputError, match="model.name: mistralai/Mistral-7B-v0.1 is neither .* --like FOLDER"):
        known_family("mistralai/Mistral-7B-v0.1", 4608)


def test_a_tiny_model_is_like_the_folder_and_ends_its_responses(shipped_model, tmp_path):
    made = tmp_path / "tiny"
    said = make("owner/name", 88, 1, tmp_path, shipped_model, made)
    own, tiny = (json.loads((folder / "config.json").read_text()) for folder in (shipped_model, made))
    assert (tiny["hidden_size"], tiny["num_hidden_layers"]) == (64, 2) and "width 64" in said
    for field in ("vocab_size", "max_position_embeddings", "model_type"):
        assert tiny[field] == own[field]
    tokenizer, model = AutoTokenizer.from_pretrained(made), AutoModelForCausalLM.from_pretrained(made)
    prompt = tokenizer("7+5", return_tensors="pt", add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = model(prompt).logits[0, -1]
    for temperature in (1.0, 0.6):
        end = (logits / temperature).softmax(-1)[tokenizer.eos_token_id]
        assert 0.005 < end < 0.5
    again = tmp_path / "again"
    make("owner/name", 88, 1, tmp_path, shipped_model, again)
    assert sha256(again / "model.safetensors") == sha256(made / "model.safetensors")


def test_the_longest_prompt_and_the_first_problem_are_kept(tmp_path):
    rows = [{"id": str(number), "problem": "x" * size, "answer": "7"} for number, size in enumerate([3, 5, 9, 9, 4])]
    path = tmp_path / "eval/own.jsonl"
    path.parent.mkdir()
    write_jsonl(path, rows)
    entry = Entry(
        source="own", address="here", licence="MIT", redistribution="yes", rows_in=5, rows_out=5, dropped={}, mended={},
        sha256=sha256(path),
    )  # fmt: skip
    write_json(tmp_path / "manifest.json", to_json({"eval/own.jsonl": entry}))
    assert keep_problems(tmp_path, {"own": "plain"}, len) == {"own": (5, 2)}
    assert [row["id"] for row in read_jsonl(path)] == ["0", "2"]
    check_data(tmp_path)
    assert keep_problems(tmp_path, {"own": "plain"}, len) == {"own": (2, 2)}


@pytest.mark.parametrize("log", ["", "Resuming from /x/global_step_2, setting\n", "no checkpoint\n"])
def test_a_training_that_did_not_go_on_is_named(tmp_path, log):
    work = tmp_path / "work/p/train/grpo-1-0123"
    work.mkdir(parents=True)
    (work / "verl.log").write_text(log)
    with pytest.raises(InputError, match="grpo-1: it did not go on from the checkpoint of step 1"):
        check_resumed(tmp_path, "p", "grpo-1")
    (work / "verl.log").write_text("Resuming from /x/checkpoints/global_step_1, setting global step to 1\n")
    assert "went on from its checkpoint" in check_resumed(tmp_path, "p", "grpo-1")
