"""Training prompts that are too long: left out by verl's own data set, counted, and an error when too few are left."""

from pathlib import Path

import hydra
import pytest
import verl.trainer.main_ppo as main_ppo
from transformers import AutoTokenizer

from stages.backend.config import overrides
from stages.backend.trainer import SuiteTrainer
from stages.datasets.laboratory import lab_training
from stages.datasets.verl import verl_row, write_parquet
from stages.files import read_json
from stages.model import lab
from stages.params import load
from stages.resolve import plans
from tests.project import ROOT


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    lab({"rebuild": False}, folder)
    return folder


@pytest.fixture
def load_data(tmp_path, model):
    """Limit of tokens -> the trainer with its training data loaded, and the lengths of all prompts."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    params = load(ROOT / "profiles/smoke.yaml")
    lines = lab_training(params.data.lab.model_dump(), params.suite_seed).lines
    rows = [verl_row(position, line, params.data.prompt) for position, line in enumerate(lines)]
    write_parquet(tmp_path / "lab.parquet", rows)
    lengths = [
        len(tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True)["input_ids"]) for row in rows
    ]

    def loaded(limit: int):
        plan = plans(params)["train/grpo-1"]
        plan["settings"]["train"] |= {"max_prompt_tokens": limit}
        with hydra.initialize_config_dir(str(Path(main_ppo.__file__).parent / "config"), version_base=None):
            given = overrides(plan, tmp_path / "lab.parquet", model, tmp_path)
            config = hydra.compose("ppo_trainer", overrides=given)
        trainer = SuiteTrainer.__new__(SuiteTrainer)  # without the start of workers
        trainer.config, trainer.work, trainer.trainer_mode = config, tmp_path, "sync"
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
    assert read_json(tmp_path / "prompts.json") == {"prompts": kept, "prompts_too_long": len(lengths) - kept}


def test_nothing_is_left_out_of_what_fits(load_data, tmp_path):
    loaded, lengths = load_data
    loaded(max(lengths))
    assert read_json(tmp_path / "prompts.json") == {"prompts": len(lengths), "prompts_too_long": 0}


def test_too_few_that_fit_is_an_error(load_data):
    loaded, lengths = load_data
    with pytest.raises(ValueError, match=f"train.max_prompt_tokens: 0 of {len(lengths)} prompts"):
        loaded(min(lengths) - 1)
