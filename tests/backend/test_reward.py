"""The rules that reward training: what each accepts, that a run is rewarded by the one it names, and which name has sense."""

from typing import get_args

import pytest

from stages.backend.reward import REWARDS, score_response
from stages.common.files import InputError
from stages.common.yaml_reader import safe_load
from stages.graders.registry import GRADERS
from stages.profile.params import Params, load
from stages.profile.sections.train import Reward
from tests.project import ROOT

VALUE, EXACT, DAPO, STEER = "by_value", "exact_box", "math_dapo", "steer_box"
# response, gold, the rules that accept it
CASES = [
    (r"so \boxed{11}", "11", {VALUE, EXACT, DAPO, STEER}),
    (r"\boxed{7} wait no, \boxed{5}", "7", set()),
    ("it is 11", "11", set()),
    (r"\boxed{11", "11", set()),
    (r"\boxed{ 11 }", "11", {VALUE, EXACT}),
    (r"\boxed{42.}", "42", {VALUE}),
    (r"\boxed{033}", "33", {VALUE}),
    (r"\boxed{12.0}", "12", {VALUE}),
    (r"\boxed{11,450}", "11450", {VALUE}),
    ("Answer: 11,450", "11450", {VALUE, DAPO}),
    (r"Answer: $75^\circ$", "75", {VALUE, DAPO}),
    (r"Answer: 7\text{ cm}", "7", {VALUE, DAPO}),
    ("Answer: 7 cm", "7", {VALUE, DAPO}),
    (r"\boxed{\dfrac12}", r"\frac{1}{2}", {VALUE}),
    (r"\boxed{0.5}", r"\frac{1}{2}", {VALUE}),
    (r"\boxed{3+x}", "x+3", {VALUE}),
    (r"\boxed{\int_0^1 x dx}", "0.5", set()),
    (r"\boxed{11}" + " and that is all there is to say about it" * 3, "11", {VALUE, EXACT}),
]


@pytest.mark.parametrize("response, gold, accepted_by", CASES)
def test_what_each_rule_accepts(response, gold, accepted_by):
    assert {name for name in REWARDS if score_response(name, "math", response, gold).correct} == accepted_by


def test_a_reward_grades_as_the_grader_of_its_name():
    assert set(REWARDS) == set(get_args(Reward)) <= set(GRADERS)
    for name, rule in REWARDS.items():
        assert rule is GRADERS[name].grade


def test_every_profile_names_its_reward_and_papers_theirs():
    rewards = {path.stem: load(path).train.reward for path in (ROOT / "profiles").glob("*.yaml")}
    assert rewards["steer-qwen2.5-math-7b"] == STEER and rewards["smoke"] == EXACT


def changed(**sections):
    """The smoke profile with fields of its sections changed, as the schema takes it."""
    content = safe_load((ROOT / "profiles/smoke.yaml").read_text())
    for section, fields in sections.items():
        content[section] |= fields
    return Params.model_validate(content)


@pytest.mark.parametrize("reward", [EXACT, STEER])
def test_a_prompt_that_asks_for_no_box_is_refused_where_only_a_box_is_read(reward):
    with pytest.raises(ValueError, match=rf"train\.reward: {reward} reads .*data\.prompt dapo_answer"):
        changed(train={"reward": reward}, data={"prompt": "dapo_answer"})
    for other in (VALUE, DAPO):
        assert changed(train={"reward": other}, data={"prompt": "dapo_answer"}).train.reward == other


@pytest.mark.parametrize("reward", [EXACT, DAPO, STEER])
def test_formulas_are_not_compared_as_text(reward):
    training = ["lab", "math_train_7500", "dapo_math_17k"]
    part = {"part": {"of": "math_train_7500", "by": "random", "prompts": 100}}
    for dataset in ("math_train_7500", "part"):
        with pytest.raises(ValueError, match=rf"train\.reward: {reward} compares text.*math_train_7500.*by_value"):
            changed(train={"reward": reward, "dataset": dataset}, data={"training": training, "subsets": part})
        changed(train={"reward": VALUE, "dataset": dataset}, data={"training": training, "subsets": part})
    changed(train={"reward": reward, "dataset": "dapo_math_17k"}, data={"training": training})


def test_a_gold_that_is_empty_is_an_error():
    with pytest.raises(InputError, match="cannot read the gold"):
        score_response(VALUE, "math", r"\boxed{1}", " ")
