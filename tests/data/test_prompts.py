"""Training prompts that are too long: left out by verl's own data set, counted, and an error when too few are left."""

import pytest
from transformers import AutoTokenizer

from stages.backend.config import compose, session_settings
from stages.backend.trainer import BenchTrainer
from stages.datasets.laboratory import lab_training
from stages.datasets.verl import verl_row, write_parquet
from stages.profile.params import load
from stages.profile.resolution import training_plan
from tests.project import ROOT


@pytest.fixture
def load_data(tmp_path, shipped_model):
    """Limit of tokens -> the trainer with its training data loaded, and the lengths of all prompts."""
    tokenizer = AutoTokenizer.from_pretrained(shipped_model)
    params = load(ROOT / "profiles/smoke.yaml")
    lab = params.data.lab
    dataset, _ = lab_training(lab.families, lab.train_per_level, lab.test_per_level, params.bench_seed)
    lines = dataset.lines
    rows = [verl_row(position, line, params.data.prompt) for position, line in enumerate(lines)]
    write_parquet(tmp_path / "lab.parquet", rows)
    lengths = [
        len(tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True)["input_ids"]) for row in rows
    ]

    def loaded(limit: int):
        train = params.train.model_copy(update={"max_prompt_tokens": limit})
        plan = training_plan(params.model_copy(update={"train": train}), "grpo", 1)
        config = compose(session_settings([(plan, tmp_path)], tmp_path / "lab.parquet", shipped_model))
        trainer = BenchTrainer.__new__(BenchTrainer)  # without the start of workers
        trainer.config, trainer.trainer_mode = config, "sync"
        trainer.parameter_sync_step = 1
        trainer.tokenizer, trainer.processor = tokenizer, None
        trainer._init_dataloader()
        return trainer

    return loaded, lengths


def test_what_is_too_long_is_left_out_and_counted(load_data, tmp_path):
    loaded, lengths = load_data
    limit = sorted(lengths)[len(lengths) // 2]
    trainer = loaded(limit)
    kept = sum(length <= limit for length in lengths)
    assert 0 < kept < len(lengths)
    assert len(trainer.train_dataset) == kept
    assert trainer.prompts == {"prompts": kept, "prompts_too_long": len(lengths) - kept}


def test_nothing_is_left_out_of_what_fits(load_data, tmp_path):
    loaded, lengths = load_data
    trainer = loaded(max(lengths))
    assert trainer.prompts == {"prompts": len(lengths), "prompts_too_long": 0}


def test_too_few_that_fit_is_an_error(load_data):
    loaded, lengths = load_data
    with pytest.raises(ValueError, match=f"train.max_prompt_tokens: 0 of {len(lengths)} prompts"):
        loaded(min(lengths) - 1)
