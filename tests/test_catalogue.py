"""The catalogue says what the files say, and the docs say what the catalogue says."""

import subprocess
import sys

import pytest
from pydantic import Field

from stages.files import InputError
from stages.methods import METHODS, NOT_IMPLEMENTED, base, build, class_of
from stages.methods.__main__ import DOCUMENT, catalogue, document
from stages.methods.clip_higher import ClipHigher
from stages.methods.rloo import Rloo
from stages.methods.steer import Steer
from stages.surrogate.compose import compose, seams
from tests.batches import method_of
from tests.project import ROOT


def test_the_document_is_what_the_files_say():
    assert (ROOT / DOCUMENT).read_text() == document(), "run: python -m stages.methods --write"


@pytest.mark.parametrize("item", catalogue(), ids=lambda item: item.name)
def test_every_method_says_where_it_comes_from(item):
    assert item.neutral and item.title
    assert "Defaults:" in item.docstring and "Departures:" in item.docstring
    fields = class_of(item.name).Settings.model_fields
    assert all(field.description for field in fields.values()), item.name
    assert item.name == "grpo" or item.seams, "a method changes something"


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


def test_methods_that_change_the_same_seam_do_not_combine():
    with pytest.raises(InputError, match="clip_higher and steer both change the clip range"):
        compose(ClipHigher, Steer)
    with pytest.raises(InputError, match="rloo and rloo both change the advantage"):
        compose(Rloo, Rloo)


def test_a_combination_keeps_every_partners_defaults():
    class Patient(base.Method):
        class Settings(base.Settings):
            updates_per_step: int | None = Field(1, description="one")
            patience: int = Field(7, description="steps")

    combined = compose(Patient, Steer)
    settings = combined.Settings()
    assert (settings.updates_per_step, settings.patience) == (1, 7)
    assert (settings.clip_ratio_high, settings.dual_clip, settings.weight_min) == (0.28, 10.0, 0.7)
    assert seams(combined) == ("clip range", "token weight", "update schedule")
    assert combined(settings).looks_ahead == "current"
    assert combined(combined.Settings(statistics="old")).looks_ahead == "old"


@pytest.mark.parametrize(
    "arguments, said",
    [([], "| grpo |"), (["steer"], "weight_min = 0.7"), (["etpo"], "not implemented"), (["--wrong"], "usage")],
)
def test_the_command(arguments, said):
    done = subprocess.run(
        [sys.executable, "-m", "stages.methods", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert said in done.stdout + done.stderr
    assert done.returncode == (0 if said in done.stdout else 1)
