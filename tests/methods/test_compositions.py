"""Every method combines with those that change other hooks, and says which it does not combine with."""

from typing import Self

import pytest
import torch
from pydantic import model_validator

from stages import rl
from stages.common.files import InputError
from stages.methods import METHODS, build, class_of
from stages.rl.combination import DEMANDS
from tests.batches import combination, mean_loss, method_of, prepared, random_update, smoke_settings

PARTNERS = ["rloo", "gspo", "steer", "kl_penalty", "adv_pos_only", "rand_pos_clip", "clip_v", "clip_lower"]


def combined(*names):
    settings = {name: value for method in names for name, value in smoke_settings(method).items()}
    method = combination(*(class_of(name) for name in names))
    return method(method.Settings(**settings))


@pytest.mark.parametrize("name", METHODS)
def test_combines_with_what_changes_other_hooks(name):
    tried = 0
    for partner in PARTNERS:
        if name == partner:
            with pytest.raises(TypeError, match="duplicate base class"):
                combined(name, partner)
            continue
        if set(class_of(name).changed_hooks()) & set(class_of(partner).changed_hooks()):
            with pytest.raises(InputError, match=f" and {partner} both change"):
                combined(name, partner)
            continue
        try:
            both = combined(name, partner)
        except (InputError, ValueError) as error:  # the hook is free, but not the setting's name or the reference
            known = (f"{name} and {partner} both", "takes its statistics of the micro-batch", "needs token-mean")
            assert any(said in str(error) for said in known)
            continue
        tried += 1
        parts = [method_of(name), method_of(partner)]
        assert both.batch_statistics == max((part.batch_statistics for part in parts), key=DEMANDS.index)
        assert set(both.changed_hooks()) == {hook for part in parts for hook in part.changed_hooks()}
        update = random_update(3, state=both.initial_state(), spread=0.5)
        loss = mean_loss(both, update)
        (gradient,) = torch.autograd.grad(loss, update.logits)
        assert torch.isfinite(loss) and torch.isfinite(gradient).all() and torch.isfinite(both.advantages(update)).all()
    assert tried, f"{name} combines with none of {PARTNERS}"


@pytest.mark.parametrize("name", [name for name in METHODS if name != "rand_pos_clip"])
def test_a_partner_with_statistics_that_does_nothing_changes_nothing(name):
    """rand_pos_clip draws no token of a share of 0, but asks for the mini-batch on the old policy."""
    try:
        both = combined(name, "rand_pos_clip")
    except (InputError, ValueError):
        return  # the same hook, a setting of the same name, or statistics of micro-batches
    both = type(both)(both.settings.model_copy(update={"share": 0.0}))
    update, alone = random_update(3, state=both.initial_state(), spread=0.5), method_of(name)
    if alone.batch_statistics != "micro_batch":
        assert mean_loss(both, update).item() == pytest.approx(mean_loss(alone, update).item(), abs=1e-12)


@pytest.mark.parametrize("name", ["rloo_steer", "opo_steer"])
def test_a_combination_takes_its_statistics_where_its_part_does(name):
    assert (
        build(name, {"variant": "code"}).batch_statistics
        == build("steer", {"variant": "code"}).batch_statistics
        == "micro_batch"
    )
    assert build(name, {"batch_statistics": "old_policy"}).batch_statistics == "old_policy"


def test_a_combination_is_named_like_any_method():
    with pytest.raises(InputError, match="rloo_steer and gspo both change the clip range"):
        combination(class_of("rloo_steer"), class_of("gspo"))


def test_two_references_do_not_combine():
    with pytest.raises(InputError, match="unlikeliness and rlrt both ask for a reference"):
        combination(class_of("unlikeliness"), class_of("rlrt"))
    assert combined("rlrt", "rloo").reference == combined("rloo", "rlrt").reference == "policy_with_solution"


class Wide(rl.Method):
    """A helper, a statistic and a check of its settings; the hook is `mask`."""

    class Settings(rl.Settings):
        @model_validator(mode="after")
        def _checked(self) -> Self:
            return self

    def helper(self):
        return 1

    def mask(self, mini_batch):
        return mini_batch.response_mask

    def statistics(self, mini_batch):
        return {"largest": mini_batch.advantages.max()}


def test_what_two_parts_would_hide_from_each_other_is_refused():
    """Another hook each, but a helper, a check of the settings or a statistic by the same name."""

    class Helper(rl.Method):
        helper = None

    class Check(rl.Method):
        class Settings(rl.Settings):
            @model_validator(mode="after")
            def _checked(self) -> Self:
                return self

    class Statistic(rl.Method):
        batch_statistics = property(lambda self: "old_policy")

        def statistics(self, mini_batch):
            return {"largest": mini_batch.advantages.min()}

    with pytest.raises(InputError, match="both define helper: they cannot be combined"):
        combination(Wide, Helper)
    with pytest.raises(InputError, match="both have a check _checked of their settings"):
        combination(Wide, Check)
    with pytest.raises(InputError, match="both have a statistic largest"):
        prepared(combination(Wide, Statistic)(), random_update())


def test_a_combination_defines_nothing_that_is_joined_of_its_parts():
    with pytest.raises(InputError, match="test_compositions defines statistics, which is joined of its parts"):

        class Both(class_of("rloo"), class_of("steer")):
            def statistics(self, mini_batch):
                return {}


def test_a_combination_lacks_what_its_parts_lack():
    sources = combination(class_of("prepo"), class_of("steer")).sources
    assert sources.status == (
        "formula and constants second-hand; not published: how the training's progress is counted"
    )
