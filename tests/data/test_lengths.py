"""Prompts of benchmarks are counted by the model's tokenizer before anything is trained: what does not fit is refused by name."""

import pytest
from transformers import AutoTokenizer

from stages.common.files import InputError
from stages.prepare import prepare
from stages.sampling.lengths import check_context, check_prompts, counter
from tests.plans import prepare_plan

LAB = {"families": ["sum", "chain"], "train_per_level": 4, "test_per_level": 4}
SMALL = {"training": ["lab"], "benchmarks": ["lab_sum"], "benchmark_prompts": {"lab_sum": "plain"}, "lab": LAB}
PROBLEMS = [{"id": f"sum-{n}", "problem": "total " + "7 " * n} for n in (1, 3, 5, 7, 9)]


@pytest.fixture(scope="module")
def count(shipped_model):
    return counter(shipped_model)


def test_a_prompt_has_the_tokens_that_vllm_counts(count, shipped_model):
    """vLLM writes the chat as text and reads that as tokens, the template's own special ones included."""
    tokenizer = AutoTokenizer.from_pretrained(shipped_model)
    chat = [{"role": "user", "content": "total 3 4 5"}]
    text = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    assert count("total 3 4 5") == len(tokenizer(text, add_special_tokens=False)["input_ids"])
    assert count("total 3 4 5 6") > count("total 3 4 5")


def test_the_longest_prompt_that_is_allowed_fits(count):
    longest = max(count(problem["problem"]) for problem in PROBLEMS)
    check_prompts("lab_sum", PROBLEMS, "plain", longest, count)
    with pytest.raises(InputError) as error:
        check_prompts("lab_sum", PROBLEMS, "plain", longest - 1, count)
    said = f"evaluation.max_prompt_tokens: 1 prompts of lab_sum have more than {longest - 1} tokens: sum-9 ({longest})"
    assert str(error.value).startswith(said) and f"give {longest} or more" in str(error.value)


def test_the_template_of_the_benchmark_counts(count):
    longest = max(count(problem["problem"]) for problem in PROBLEMS)
    with pytest.raises(InputError, match="5 prompts of lab_sum .* and more; give"):
        check_prompts("lab_sum", PROBLEMS, "boxed", longest, count)


def test_prepare_refuses_a_benchmark_before_it_writes(shipped_model, tmp_path):
    def prepared(longest: int, context: int):
        plan = prepare_plan(7, **SMALL, max_prompt_tokens=longest, context_length=context)
        prepare(plan, tmp_path / "data", model=shipped_model)

    with pytest.raises(
        InputError, match=r"evaluation.max_prompt_tokens: \d+ prompts of lab_sum have more than 5 tokens"
    ):
        prepared(5, 60)
    assert not (tmp_path / "data").exists()
    prepared(32, 60)
    assert (tmp_path / "data/eval/lab_sum.jsonl").is_file()


def test_a_context_that_the_model_does_not_allow_is_refused(shipped_model, tmp_path):
    (tmp_path / "config.json").write_text('{"max_position_embeddings": 4096}')
    check_context(tmp_path, 4096)
    with pytest.raises(InputError, match="model.max_position_embeddings: .* allows 4096 tokens, .* may have 4097"):
        check_context(tmp_path, 4097)


def test_prepare_names_the_stage_that_makes_the_model(tmp_path):
    with pytest.raises(InputError, match="model is missing: dvc repro model@smoke makes it"):
        prepare(prepare_plan(7, **SMALL), tmp_path / "data", model=tmp_path / "smoke/model")
