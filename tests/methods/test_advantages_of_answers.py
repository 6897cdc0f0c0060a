"""Rewards and advantages from answers, coin flips and what earlier steps saw of a prompt."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from stages.methods import build
from stages.rl.batch import TrainingStep
from tests.batches import random_update, responses_with, value_of


def test_outcome_ucb_remembers_answers():
    method = build("outcome_ucb", {"coefficient": 2.0})
    batch = responses_with([0, 0, 0, 0], training_step=TrainingStep(1, 5, method.initial_state()))
    batch = replace(batch, answer=("7", "7", "7", "8"))
    assert value_of(method, batch).tolist() == [0, 0, 0, 0]  # nothing was seen before: all alike
    state = json.loads(json.dumps(method.update_state(batch, {})))
    assert state == {"counts": {"p0": {"7": 3, "8": 1}}}
    later = replace(batch, training_step=TrainingStep(2, 5, state), answer=("7", "8", "9", "7"))
    bonus = np.array([3**-0.5, 1, 1, 3**-0.5])
    assert value_of(method, later).tolist() == pytest.approx(2 * 4 / 3 * (bonus - bonus.mean()), abs=1e-9)
    constant = build("outcome_ucb", {"coefficient": 2.0, "baseline": 0.5})
    assert value_of(constant, later).tolist() == pytest.approx(2 * (bonus - 0.5), abs=1e-9)
    apart = replace(later, group=torch.tensor([0, 0, 1, 1]), prompt_id=("p0", "p0", "p1", "p1"))
    more = 2 * (1 - 3**-0.5)  # the mean is that of the prompt's other response, and p1 was never asked before
    assert value_of(method, apart).tolist() == pytest.approx([-more, more, 0, 0], abs=1e-9)
    solved = replace(apart, correct=torch.tensor([True, True, False, False]))
    assert value_of(method, solved).tolist() == [0, 0, 0, 0]
    assert method.update_state(later, {})["counts"]["p0"] == {"7": 5, "8": 2, "9": 1}
    assert state == {"counts": {"p0": {"7": 3, "8": 1}}}  # the earlier state is left as it was


def test_outcome_batch_counts_repeats_within_the_prompt():
    batch = replace(responses_with([0, 0, 0, 0], group=[0, 0, 0, 1]), answer=("7", "7", "8", "7"))
    method = build("outcome_batch", {"coefficient": 3.0})
    assert value_of(method, batch).tolist() == pytest.approx([-1, -1, 0, 0])


def test_random_reward_knows_nothing_of_the_response():
    method = build("random_reward", {})
    batch = random_update(1, responses=64)
    flipped = replace(batch, rewards=1 - batch.rewards, correct=~batch.correct)
    assert torch.equal(method.rewards(batch), method.rewards(flipped))
    assert 0.25 < method.rewards(batch).mean() < 0.75
    later = replace(batch, training_step=replace(batch.training_step, step=2))
    assert not torch.equal(method.rewards(batch), method.rewards(later))
    order = torch.randperm(64)
    assert torch.equal(method.rewards(replace(batch, index=batch.index[order])), method.rewards(batch)[order])
    assert build("random_reward", {"probability": 0.0}).rewards(batch).sum() == 0


# -- DCPO ---------------------------------------------------------------------------------------------------------


def test_dcpo_smooths_over_three_visits():
    method, state, seen = build("dcpo", {}), {"history": {}}, []
    for visit, rewards in enumerate([[1, 0, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0]], 1):
        batch = responses_with(rewards, training_step=TrainingStep(visit, 3, state))
        seen += rewards
        now, past = np.array(rewards, dtype=float), np.array(seen, dtype=float)
        current = (now - now.mean()) / now.std() if now.std() else np.zeros(4)
        cumulative = (now - past.mean()) / past.std()
        late = (visit - 1) / visit * current + cumulative / visit
        early = current / visit + (visit - 1) / visit * cumulative
        expected = np.where(np.abs(late) < np.abs(early), late, early)
        assert value_of(method, batch).tolist() == pytest.approx(expected.tolist(), abs=1e-9)
        state = json.loads(json.dumps(method.update_state(batch, {})))
    visits, count, mean, variance = state["history"]["p0"]
    assert (visits, count) == (3, 12)
    assert (mean, variance) == (pytest.approx(np.mean(seen)), pytest.approx(np.var(seen)))


def test_dcpo_code_joins_deviations_of_n_minus_1_visit_by_visit():
    """get_mean_std of the released code: the variance of a visit is the sample's, and every visit adds one."""
    method, state, mean, deviation = build("dcpo", {"variant": "code"}), {"history": {}}, 0.0, 0.0
    for visit, rewards in enumerate([[1, 0, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0]], 1):
        batch, now = (
            responses_with(rewards, training_step=TrainingStep(visit, 3, state)),
            np.array(rewards, dtype=float),
        )
        own, past = now.std(ddof=1), visit - 1
        squares = past * deviation**2 + own**2 + past / visit * (now.mean() - mean) ** 2
        mean, deviation = (mean * past + now.mean()) / visit, np.sqrt(squares / visit)
        current = (now - now.mean()) / own if own else np.zeros(4)
        late = (1 - 1 / visit) * current + (now - mean) / deviation / visit
        early = current / visit + (1 - 1 / visit) * (now - mean) / deviation
        expected = np.where(np.abs(late) < np.abs(early), late, early)
        assert value_of(method, batch).tolist() == pytest.approx(expected.tolist(), abs=1e-9)
        state = json.loads(json.dumps(method.update_state(batch, {})))


def test_dcpo_bounds_by_hand():
    batch = random_update(2, responses=2, length=1)
    for old, low, high in [(1.0, 0.5 + 0.5 * 0.36**0.5, 0.5 + 0.5 * 1.8**0.5), (0.04, 0.5, 0.5 + 0.5 * 21**0.5)]:
        probability = torch.full((2, 1), old, dtype=torch.float64)
        widths = build("dcpo", {}).clip_range(replace(batch, old_log_prob=probability.log()))
        assert [(1 - widths[0])[0, 0].item(), (1 + widths[1])[0, 0].item()] == pytest.approx([low, high])
    tiny = replace(batch, old_log_prob=torch.full((2, 1), -30.0, dtype=torch.float64))
    assert (1 + build("dcpo", {}).clip_range(tiny)[1]).max() == 10
