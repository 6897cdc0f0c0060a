"""Settings that change nothing are refused: `unread` says what a method's loss shows, and `read_where` holds."""

import pytest
import torch

from stages.common.files import InputError
from stages.methods import METHODS, build, class_of
from stages.tools.sweep import variants_of_released_code
from tests.batches import combination, mean_loss, method_of, random_update

CLIPS = {"clip_ratio_low": (0.05, 0.11), "clip_ratio_high": (0.02, 0.07), "dual_clip": (1.05, 1.5)}


def outcomes(method):
    """Losses and gradients over the whole of a run."""
    found = []
    for step in (1, 4, 9):
        update = random_update(step, state=method.initial_state(), step=step, spread=1.5)
        loss = mean_loss(method, update)
        found += [loss.detach(), torch.autograd.grad(loss, update.logits)[0]]
    return found


def made(name):
    """The method with settings under which every token still counts."""
    return build(name, {"factor": 0.5}) if name == "intervention" else method_of(name)


@pytest.mark.parametrize("name", [*METHODS, *variants_of_released_code()])
def test_unread_settings_are_those_that_change_no_loss(name):
    method = made(name)
    unread = {*method.unread, *(() if method.has_dual_clip else ("dual_clip",))}
    if name in ("par", "bapo"):  # whose state decides at which step a width counts
        unread.discard("clip_ratio_high")
    before = outcomes(method)
    for setting, values in CLIPS.items():
        changed = False
        for value in values:
            method = made(name)
            method.settings = method.settings.model_copy(update={setting: value})
            changed |= any(not torch.equal(one, other) for one, other in zip(before, outcomes(method), strict=True))
        if name not in ("par", "bapo") or setting != "clip_ratio_high":
            assert changed == (setting not in unread), setting


@pytest.mark.parametrize("name", METHODS)
def test_what_is_unread_is_refused_by_name(name):
    method = method_of(name)
    given = method.settings.model_dump()
    for setting in {*method.unread, *(() if method.has_dual_clip else ("dual_clip",))}:
        with pytest.raises(InputError, match=rf"method_settings\.mine\.{setting}: nothing of this method reads it"):
            build(name, given | {setting: CLIPS[setting][1]}, place="method_settings.mine")
    build(name, given)  # complete settings, as a plan holds them


def test_conditions_name_settings_that_there_are():
    for name in METHODS:
        fields = class_of(name).Settings.model_fields
        for field in fields.values():
            extra = field.json_schema_extra
            assert not isinstance(extra, dict) or extra.get("read_where", {}).keys() <= fields.keys()


def test_a_combination_leaves_unread_what_its_parts_do():
    joined = combination(class_of("rloo"), class_of("sapo"))
    with pytest.raises(ValueError, match="clip_ratio_low: nothing of this method reads it"):
        joined(joined.Settings(clip_ratio_low=0.1))
    joined = combination(class_of("rloo"), class_of("steer"))
    with pytest.raises(ValueError, match="weight_max: with mapping exponential nothing reads it"):
        joined.Settings(weight_max=1.5)
