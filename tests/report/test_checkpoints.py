"""Rules for checkpoints: their words, what they choose, by how much the chosen score is too high, and what the report says."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.common.yaml_reader import safe_load
from stages.profile.checkpoints import candidates, kept_steps
from stages.profile.params import Params
from stages.protocols.checkpoint import checkpoint_rule
from stages.report import build_report
from stages.statistics.selection import chosen, optimism
from tests.project import ROOT
from tests.report_results import write_results


@pytest.mark.parametrize(
    "text, step, benchmarks",
    [
        ("last", None, ()),
        ("step 100", 100, ()),
        ("best on aime24", None, ("aime24",)),
        ("best mean of aime24, aime25", None, ("aime24", "aime25")),
    ],
)
def test_what_a_rule_says(text, step, benchmarks):
    assert checkpoint_rule(text) == (text, step, benchmarks)


@pytest.mark.parametrize(
    "text",
    [
        "best",
        "best on aime99",
        "Best on aime24",
        "best mean of aime24",
        "best mean of aime24, aime24",
        "step 0",
        "step",
        "",
    ],
)
def test_what_is_no_rule(text):
    with pytest.raises(ValueError, match="no rule|no benchmark|twice"):
        checkpoint_rule(text)


def smoke(checkpoints, **train) -> Params:
    content = safe_load((ROOT / "profiles/smoke.yaml").read_text())
    content["checkpoints"] = checkpoints
    content["train"] |= train
    return Params.model_validate(content)


@pytest.mark.parametrize(
    "rule, train, said",
    [
        ("last", {}, "always evaluated"),
        ("step 10", {}, "always evaluated"),
        ("step 7", {}, "no checkpoint is saved at step 7"),
        ("best on aime24", {}, "aime24 is not evaluated; add it to evaluation.benchmarks"),
        ("best on lab_sum", {"checkpoint_every": 10}, "leaves none before the last"),
        ("the best", {}, "no rule for a checkpoint"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(rule, train, said):
    with pytest.raises(ValueError, match=f"checkpoints.paper: .*{said}"):
        smoke({"paper": rule}, **train)


def test_only_what_a_rule_may_choose_is_kept():
    train = smoke({}, checkpoint_every=4).train  # of 10 steps
    assert kept_steps({}, train) == []
    assert kept_steps({"early": "step 4"}, train) == [4]
    assert kept_steps({"early": "step 4", "paper": "best on lab_sum"}, train) == [4, 8]
    assert candidates(checkpoint_rule("best on lab_sum"), train) == [4, 8, 10]


def samples(shares: list[float], problems: int, k: int, draw: np.random.Generator) -> np.ndarray:
    return draw.random((len(shares), problems, k)) < np.array(shares)[:, None, None]


def test_of_equals_the_first_is_chosen_and_the_mean_over_benchmarks_counts():
    right, wrong = np.ones((1, 2, 2), bool), np.zeros((1, 2, 2), bool)
    assert chosen([np.concatenate([wrong, right, right])]) == 1
    assert chosen([np.concatenate([right, wrong]), np.concatenate([wrong, right])]) == 0
    assert chosen([np.concatenate([right, wrong]), np.concatenate([wrong, right]), np.concatenate([wrong, right])]) == 1


@given(st.integers(1, 4), st.integers(1, 5))
def test_one_sample_a_problem_says_nothing_of_optimism(checkpoints, problems):
    assert optimism([np.ones((checkpoints, problems, 1), bool)], 0) is None


def test_optimism_is_what_the_best_of_equal_checkpoints_owes_to_chance():
    """Of checkpoints that are equally good the best is too high by the expected maximum of its noise."""
    draw, checkpoints, problems, k, share = np.random.default_rng(0), 10, 30, 32, 0.3
    found = [optimism([samples([share] * checkpoints, problems, k, draw)], seed) for seed in range(60)]
    noise = np.sqrt(share * (1 - share) / (problems * k / 2))  # of a half's score
    expected = noise * np.random.default_rng(1).standard_normal((100_000, checkpoints)).max(axis=1).mean()
    assert np.mean(found) == pytest.approx(expected, rel=0.1)


def test_there_is_no_optimism_where_one_checkpoint_is_far_better_or_the_only_one():
    draw = np.random.default_rng(0)
    for shares in ([0.1, 0.9], [0.4]):
        found = [optimism([samples(shares, 30, 32, draw)], seed) for seed in range(20)]
        assert abs(np.mean(found)) < 0.004


def test_the_report_sets_the_chosen_checkpoints_beside_the_last(tmp_path):
    folder = write_results(tmp_path, seeds=(1, 2), checkpoints={"paper": "best on lab_sum", "early": "step 2"})
    build_report(tmp_path, "smoke")
    table = pd.read_csv(folder / "report/tables/checkpoints.csv")
    assert len(table) == 2 * 4 and set(table["step"]) == {2}
    assert table["difference"].to_numpy() == pytest.approx((table["chosen"] - table["last"]).to_numpy())
    assert set(table.loc[table["rule"] == "paper", "looked_at"]) == {True}
    assert set(table.loc[table["rule"] == "early", "looked_at"]) == {False}
    text = (folder / "report/report.md").read_text()
    early, paper = text.split("Rule early: step 2.")[1].split("Rule paper: best on lab_sum.")
    assert "falls again" in paper and "lab_sum *" in paper and "| 2, 2" in paper
    assert "falls again" not in early and "lab_sum *" not in early
    assert "grpo-1.paper" not in text  # declared, so nothing left over


def test_a_report_without_rules_has_no_such_section(tmp_path):
    folder = write_results(tmp_path)
    build_report(tmp_path, "smoke")
    assert "choose a checkpoint" not in (folder / "report/report.md").read_text()
