"""The catalogue says what the files say, and the docs say what the catalogue says."""

import subprocess
import sys

import pytest
from pydantic import Field, ValidationError

from stages import rl
from stages.common.files import InputError
from stages.methods import METHODS, NOT_IMPLEMENTED, build, class_of
from stages.methods.__main__ import DOCUMENT, catalogue, document
from stages.methods.clip_higher import ClipHigher
from stages.methods.opo import Opo
from stages.methods.rloo import Rloo
from stages.methods.steer import Steer
from tests.batches import combination, method_of
from tests.project import ROOT

ENTRIES, WRONG = catalogue()


def test_the_document_is_what_the_files_say():
    assert not WRONG
    assert (ROOT / DOCUMENT).read_text() == document(), "run: python -m stages.methods --write"


@pytest.mark.parametrize("item", ENTRIES, ids=lambda item: item.name)
def test_every_method_says_where_it_comes_from(item):
    assert item.reduces_to_grpo_at and item.title
    assert "Defaults:" in item.docstring and "Deviations from the paper:" in item.docstring
    fields = class_of(item.name).Settings.model_fields
    assert all(field.description for field in fields.values()), item.name
    assert item.name == "grpo" or item.hooks, "a method changes something"


@pytest.mark.parametrize("item", ENTRIES, ids=lambda item: item.name)
def test_the_status_agrees_with_what_the_file_says(item):
    method = class_of(item.name)
    fields, sources = method.Settings.model_fields, method.sources
    said = " ".join([item.docstring, *(str(field.description) for field in fields.values())]).lower()
    assert {name for name, field in fields.items() if field.is_required()} <= set(sources.not_published)
    named = "not published" in said.replace("not a published method", "")
    assert named == bool(sources.not_published), (
        "docstring and settings say `not published` where sources.not_published does"
    )
    assert ("second-hand" in said) == (sources.formula != "first-hand" or sources.constants != "first-hand")


@pytest.mark.parametrize(
    "name, status",
    [
        ("grpo", "complete"),
        ("prepo", "formula and constants second-hand; not published: how the training's progress is counted"),
        ("par", "not published: data_epochs"),
    ],
)
def test_the_status_says_what_falls_short(name, status):
    assert class_of(name).sources.status == status


def test_the_status_has_a_fixed_vocabulary():
    with pytest.raises(ValidationError, match="formula"):
        rl.Sources(formula="hearsay")


@pytest.mark.parametrize("name", METHODS)
def test_a_required_setting_is_named_when_it_is_missing(name):
    required = [field for field, info in class_of(name).Settings.model_fields.items() if info.is_required()]
    if required:
        with pytest.raises(InputError, match=f"method_settings.{name}.{required[0]}: not published"):
            build(name, {})
    assert method_of(name).settings  # the smoke profile sets what nobody published


@pytest.mark.parametrize("name", NOT_IMPLEMENTED)
def test_what_is_not_implemented_says_why(name):
    with pytest.raises(InputError, match=NOT_IMPLEMENTED[name][0]):
        build(name, {})


def test_methods_that_change_the_same_hook_do_not_combine():
    with pytest.raises(InputError, match="clip_higher and steer both change the clip range"):
        combination(ClipHigher, Steer)
    with pytest.raises(InputError, match="rloo and opo both change the advantage"):
        combination(Rloo, Opo)


def test_a_combination_keeps_every_partners_defaults():
    class Patient(rl.Method):
        class Settings(rl.Settings):
            updates_per_step: int | None = Field(1, description="one")
            patience: int = Field(7, description="steps")

    combined = combination(Patient, Steer)
    settings = combined.Settings()
    assert (settings.updates_per_step, settings.patience) == (1, 7)
    assert (settings.clip_ratio_high, settings.dual_clip, settings.weight_min) == (0.28, 10.0, 0.7)
    assert combined.changed_hooks() == ("clip range", "token weight", "update schedule")
    assert combined(settings).batch_statistics == "current_policy"
    assert combined(combined.Settings(batch_statistics="old_policy")).batch_statistics == "old_policy"


@pytest.mark.parametrize(
    "arguments, said",
    [([], "| grpo "), (["steer"], "weight_min = 0.7"), (["etpo"], "not implemented"), (["--wrong"], "usage")],
)
def test_the_command(arguments, said):
    done = subprocess.run(
        [sys.executable, "-m", "stages.methods", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert said in done.stdout + done.stderr
    assert done.returncode == (0 if said in done.stdout else 1)
