"""Which tokens the methods single out, and that the choice is the mini-batch's."""

from dataclasses import replace

import pytest
import torch

from stages.methods import build
from stages.rl.batch import rows
from stages.rl.batch_statistics import with_batch_statistics
from stages.rl.ratio import outside_clip
from stages.rl.selection import response_quantile, token_covariance, top_tokens
from tests.batches import method_of, random_update

VARIANTS = ["paper", "verl"]
COVARIANCE = {"covariance_low": 0.1, "covariance_high": 0.9, "clip_ratio_low": 0.2, "clip_ratio_high": 0.2}


def test_of_very_few_tokens_the_paper_chooses_none_and_verl_one():
    update = random_update(1, spread=0.5)
    for name in ("clip_cov", "kl_cov"):
        settings = COVARIANCE if name == "clip_cov" else {}
        chosen = [build(name, {**settings, "share": 1e-3, "variant": v}).selected(update).sum() for v in VARIANTS]
        assert chosen == [0, 1]


def test_clip_covs_paper_zeroes_clipped_tokens_too():
    update = random_update(1, spread=0.5)
    paper, verl = (build("clip_cov", {**COVARIANCE, "share": 1.0, "variant": v}).selected(update) for v in VARIANTS)
    assert torch.equal(paper & ~outside_clip(update, 0.2, 0.2), verl) and paper.sum() > verl.sum()


def test_verls_clip_cov_chooses_within_the_band_and_never_a_clipped_token():
    chosen = set()
    for step in range(1, 40):
        update = random_update(1, spread=0.5, step=step)
        method = build("clip_cov", {**COVARIANCE, "share": 1e-6, "variant": "verl"})
        selected, covariance = (
            method.selected(update),
            token_covariance(update.advantages, update.log_prob, update.response_mask),
        )
        assert selected.sum() == 1 and (selected & update.response_mask).any()
        assert ((covariance > 0.1) & (covariance < 0.9))[selected].all()
        assert not outside_clip(update, 0.2, 0.2)[selected].any()
        chosen.add(int(selected.flatten().int().argmax()))
    assert len(chosen) > 5  # another token in every step


def test_equal_covariances_are_chosen_alike_in_any_order():
    """All-equal advantages make every covariance 0: the choice must not follow the order of the responses."""
    update = replace(random_update(1), advantages=torch.zeros(8, 12, dtype=torch.float64))
    order = torch.randperm(8, generator=torch.Generator().manual_seed(3))
    method = build("kl_cov", {"share": 0.1})
    assert torch.equal(method.selected(update)[order], method.selected(rows(update, order)))


def test_top_tokens_by_hand():
    score = torch.tensor([[3.0, 1.0, 2.0], [2.0, 9.0, 2.0]])
    among = torch.tensor([[True, True, True], [True, False, True]])
    ties = torch.tensor([[0.5, 0.5, 0.9], [0.1, 0.5, 0.2]])
    assert top_tokens(score, among, 2, ties).tolist() == [[True, False, False], [True, False, False]]
    assert torch.equal(top_tokens(score, among, 9, ties), among)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 1.0])
def test_response_quantile_is_torchs(share):
    update = random_update(5)
    masked = torch.where(update.response_mask, update.old_entropy, torch.nan)
    ours = response_quantile(update.old_entropy, update.response_mask, share)
    assert torch.equal(ours, torch.nanquantile(masked, share, dim=-1, keepdim=True))


def test_rescue_needs_the_noise_to_reach_the_clip():
    """At r = 1.25 and ε 0.2 a draw u ≤ 0.96 rescues: with δ 0.1 that is 30 % of draws, with δ 0.03 none."""
    update = random_update(0, responses=64, length=200)
    update = replace(update, log_prob=update.old_log_prob + torch.tensor(1.25).log(), advantages=torch.ones(64, 200))
    rescued = build("nsr_rescue", {"noise": 0.1}).rescued(update, 0.2, 0.2).double().mean().item()
    assert rescued == pytest.approx(0.3, abs=0.02)
    assert not build("nsr_rescue", {"noise": 0.03}).rescued(update, 0.2, 0.2).any()


LOOKING = ["steer", "clip_cov", "kl_cov", "entropic", "opefo", "sent", "sent_released"]


@pytest.mark.parametrize("name", LOOKING)
def test_statistics_do_not_depend_on_the_order_of_the_responses(name):
    method = method_of(name)
    update = random_update(3, responses=32, state=method.initial_state(), spread=0.6)
    order = torch.randperm(32, generator=torch.Generator().manual_seed(2))
    straight, shuffled = (
        with_batch_statistics(method, update).statistics,
        with_batch_statistics(method, rows(update, order)).statistics,
    )
    for key, value in straight.items():
        assert torch.allclose(shuffled[key].double(), (value[order] if value.ndim else value).double())
