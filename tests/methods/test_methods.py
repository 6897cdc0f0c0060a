"""The methods against verl's own losses, closed forms and hand-computed numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from verl.trainer.ppo import core_algos

from stages.common.files import InputError
from stages.methods import METHODS, build, class_of
from stages.rl.aggregation import aggregate
from stages.rl.batch import TrainingStep, rows
from stages.rl.settings import Settings
from stages.tools.sweep import DOCUMENT, everything, variants_of_released_code, written
from tests.batches import entropy_of, log_prob_of, mean_loss, method_of, prepared, random_update, update_for
from tests.project import ROOT

# -- against verl 0.9.1 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("low, high, dual_clip", [(0.2, 0.2, 3.0), (0.2, 0.28, 10.0), (0.05, 0.02, 1.5)])
@pytest.mark.parametrize("seed", range(3))
def test_surrogate_is_verls_vanilla_loss(low, high, dual_clip, seed):
    update = update_for("grpo", seed, spread=1.0)
    method = build("grpo", {"clip_ratio_low": low, "clip_ratio_high": high, "dual_clip": dual_clip})
    config = OmegaConf.create(
        {
            "clip_ratio": low,
            "clip_ratio_low": low,
            "clip_ratio_high": high,
            "clip_ratio_c": dual_clip,
            "global_batch_info": {},
        }
    )
    theirs, _ = core_algos.compute_policy_loss_vanilla(
        update.old_log_prob, update.log_prob, update.advantages, update.response_mask, "token-mean", config
    )
    assert torch.allclose(mean_loss(method, update), theirs, atol=1e-6, rtol=0)
    gradients = [
        torch.autograd.grad(loss, update.logits, retain_graph=True)[0] for loss in (mean_loss(method, update), theirs)
    ]
    assert torch.allclose(*gradients, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_advantages_are_verls_grpo(seed):
    update = random_update(seed)
    rewards = torch.zeros_like(update.old_log_prob)
    rewards[torch.arange(8), update.response_length - 1] = update.rewards
    theirs, _ = core_algos.compute_grpo_outcome_advantage(rewards, update.response_mask, np.array(update.prompt_id))
    assert torch.allclose(build("grpo", {}).advantages(update), theirs.double(), atol=1e-6)


def test_a_group_of_one_gets_verls_advantage():
    update = replace(random_update(3), group=torch.arange(8), rewards=torch.linspace(0, 1, 8).double())
    rewards = torch.zeros_like(update.old_log_prob)
    rewards[torch.arange(8), update.response_length - 1] = update.rewards
    theirs, _ = core_algos.compute_grpo_outcome_advantage(rewards, update.response_mask, np.arange(8))
    assert torch.allclose(build("grpo", {}).advantages(update), theirs.double(), atol=1e-6)


# -- closed forms -------------------------------------------------------------------------------------------------


def test_steer_weights_by_hand():
    """Two tokens: p .5 and .9 with H .6 and .4, A 1 and −2, r 1; the larger change gets λ_min."""
    update = update_for("steer", responses=2, length=1)
    log_prob = torch.tensor([[0.5], [0.9]], dtype=torch.float64).log()
    update = replace(
        update,
        response_mask=torch.ones(2, 1, dtype=torch.bool),
        log_prob=log_prob,
        old_log_prob=log_prob,
        old_entropy=torch.tensor([[0.6], [0.4]], dtype=torch.float64),
        entropy=torch.tensor([[0.6], [0.4]], dtype=torch.float64),
        advantages=torch.tensor([[1.0], [-2.0]], dtype=torch.float64),
    )
    slopes = np.array([np.log(0.5) + 0.6, -2.0 * (np.log(0.9) + 0.4)])
    changes = slopes * [0.5, 0.1]  # 1 − p: −.0466, −.0589
    paper = build("steer", {})
    update = prepared(paper, update)
    expected = [0.7 ** (abs(changes[0]) / abs(changes[1])), 0.7]
    assert paper.token_weight(update)[:, 0].tolist() == pytest.approx(expected)
    code = build("steer", {"variant": "code"})  # the same on-policy, with the launchers' λ_min
    assert code.token_weight(prepared(code, update))[:, 0].tolist() == pytest.approx(
        [0.8 ** (abs(changes[0]) / abs(changes[1])), 0.8]
    )


def test_steer_code_does_not_blow_up_small_changes():
    update = update_for("steer", seed=1)
    small = replace(update, advantages=update.advantages * 1e-6)
    code, paper = build("steer", {"variant": "code"}), build("steer", {})
    assert code.token_weight(prepared(code, small)).min() > 0.9999  # scale held at 0.02
    assert paper.token_weight(prepared(paper, small)).min().item() == pytest.approx(0.7)


@pytest.mark.parametrize("name", METHODS)
def test_micro_batches_and_ranks_do_not_matter(name):
    """64 responses at once, against micro-batches of 8 on two ranks, each with half: the same gradient to 1e-5."""
    method = method_of(name)
    if method.settings.aggregation == "micro-batch-token-mean":  # which asks for the mean over each
        method = type(method)(method.settings.model_copy(update={"aggregation": "token-mean"}))
    whole = prepared(method, update_for(name, 2, responses=64, spread=0.6))
    kept = whole.mask
    sizes = {"tokens": int(kept.sum()), "responses": int(kept.any(-1).sum()), "horizon": kept.shape[1]}

    def gradient(parts):
        total = sum(
            aggregate(method.token_loss(part)[0], part.mask, method.settings.aggregation, **sizes)
            for part in (rows(whole, part) for part in parts)
        )
        return torch.autograd.grad(total, whole.logits, retain_graph=True)[0]

    shuffled = torch.randperm(64, generator=torch.Generator().manual_seed(1))
    split = gradient([part for rank in shuffled.split(32) for part in rank.split(8)])
    assert torch.allclose(gradient([slice(0, 64)]), split, atol=1e-5, rtol=1e-5)


# -- schedules and controllers, by hand ---------------------------------------------------------------------------


def after(method, training_step, entropy):
    """The state after a step whose entropy was `entropy`."""
    return method.update_state(replace(random_update(), training_step=training_step), {"entropy": entropy})


def test_par_follows_the_entropy():
    method = build("par", {"step": 0.25})
    state = method.initial_state()
    weights = []
    for step, entropy in enumerate([0.5, 0.5, 0.5, 0.19, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], 1):
        weights.append(state["weight"])
        state = after(method, TrainingStep(step, 11, state), entropy)
    assert weights == pytest.approx([0.0, 0.25, 0.5, 0.75, 0.5, 0.75, 0.5, 0.25, 0.0, 0.0, 0.0])


def test_par_threshold_can_follow_the_first_entropy():
    method = build("par", {"threshold_of_start": 0.5, "step": 0.25})
    state = after(method, TrainingStep(1, 4, method.initial_state()), 0.8)
    assert state == pytest.approx({"weight": 0.25, "threshold": 0.4})
    assert after(method, TrainingStep(2, 4, state), 0.39)["weight"] == 0.0
    assert after(method, TrainingStep(2, 4, state), 0.40)["weight"] == 0.5


def test_par_weighs_positive_advantages_only():
    update = random_update(5, state={"weight": 0.4, "threshold": 0.2})
    weight = build("par", {}).token_weight(update)
    assert (weight[update.advantages > 0] == 0.4).all() and (weight[update.advantages <= 0] == 1.0).all()


@pytest.mark.parametrize(
    "step, high, low",  # at p = .4: Hi = .4, Lo = .248
    [(1, 0.8 * 0.4 + 0.2 * 0.2, 0.2), (5, 0.2, 0.2), (6, 0.2, 0.8 * 0.248 + 0.2 * 0.2), (10, 0.2, 0.2)],
)
def test_flexible_widths_by_hand(step, high, low):
    update = update_for("flexible")
    probability = torch.full_like(update.log_prob, 0.4)
    update = replace(update, log_prob=probability.log(), training_step=TrainingStep(step, 10))
    got_low, got_high = (
        torch.as_tensor(width).flatten()[0].item() for width in build("flexible", {}).clip_range(update)
    )
    assert (got_low, got_high) == (pytest.approx(low), pytest.approx(high))


# -- limits -------------------------------------------------------------------------------------------------------

# Method -> settings that reduce it to GRPO, and the settings of GRPO that it then equals bit for bit.
GRPO_AT = {
    "clip_higher": ({"clip_ratio_high": 0.2}, {}),
    "steer": ({"weight_min": 1.0}, {"clip_ratio_high": 0.28, "dual_clip": 10.0}),
    "dapo": ({"clip_ratio_high": 0.2, "dynamic_sampling": False, "overlong_shaping": False}, {}),
    "forking_tokens": ({"share": 1.0, "clip_ratio_high": 0.2, "overlong_shaping": False}, {}),
    "entropy_adv": ({"alpha": 0.0}, {}),
    "unlikeliness": ({"beta_rank": 0.0, "kl_coefficient": 0.0}, {}),
    "outcome_ucb": ({"coefficient": 0.0}, {}),
    "outcome_batch": ({"coefficient": 0.0}, {}),
    "rand_pos_clip": ({"share": 0.0}, {}),
    "clip_b": ({"mu": 1e9}, {}),
    "clip_v": ({"share": 0.0}, {}),
}


@pytest.mark.parametrize("name", GRPO_AT)
def test_reduces_to_grpo_bit_for_bit(name):
    reducing, grpo = GRPO_AT[name]
    methods = [build(name, reducing), build("grpo", grpo)]
    update = random_update(6, state=methods[0].initial_state(), spread=0.6)
    assert torch.equal(*[method.advantages(update) for method in methods])
    losses = [mean_loss(method, update) for method in methods]
    gradients = [torch.autograd.grad(loss, update.logits, retain_graph=True)[0] for loss in losses]
    assert torch.equal(*losses) and torch.equal(*gradients)


def test_a_combination_is_its_advantage_method_where_steer_weighs_all_tokens_alike():
    for name, advantage in (("rloo_steer", "rloo"), ("opo_steer", "opo")):
        update = random_update(6, spread=0.6)
        flat = build(name, {"weight_min": 1.0})
        plain = build(advantage, {"clip_ratio_high": 0.28, "dual_clip": 10.0})
        assert torch.equal(flat.advantages(update), plain.advantages(update))
        assert torch.equal(mean_loss(flat, update), mean_loss(plain, update))
        assert flat.settings.updates_per_step == plain.settings.updates_per_step


@pytest.mark.parametrize("name", [*METHODS, *variants_of_released_code()])
def test_padding_changes_nothing(name):
    method, update = method_of(name), update_for(name, seed=7)
    noise = torch.where(update.response_mask, 0.0, 5.0).double()
    padded = replace(
        update,
        log_prob=update.log_prob - noise,
        entropy=update.entropy + noise,
        advantages=update.advantages + noise,
        old_log_prob=update.old_log_prob - 2 * noise,
        old_entropy=update.old_entropy + noise,
        reference_log_prob=update.reference_log_prob - noise,
        logits=torch.where(update.response_mask[..., None], update.logits, 3.0),
    )
    assert torch.equal(mean_loss(method, update), mean_loss(method, padded))


@pytest.mark.parametrize("name", [*METHODS, *variants_of_released_code()])
@settings(max_examples=40)
@given(
    logit=st.floats(-80, 80),
    reward=st.sampled_from(["equal", "mixed"]),
    length=st.integers(1, 5),
    shift=st.floats(-30, 30),
)
def test_gradients_stay_finite(name, logit, reward, length, shift):
    """p → 0 and p → 1, all-equal rewards, one-token responses, ratios far from 1."""
    method, update = method_of(name), update_for(name, 8, length=length)
    logits = torch.zeros(8, length, 7, dtype=torch.float64)
    logits[..., 0] = logit
    logits.requires_grad_()
    rewards = torch.ones(8).double() if reward == "equal" else torch.tensor([0.0, 1.0] * 4).double()
    log_prob = log_prob_of(logits, update.token_ids)
    update = replace(
        update,
        logits=logits,
        log_prob=log_prob,
        entropy=entropy_of(logits),
        old_log_prob=(log_prob.detach() + shift).clamp(max=0),
        rewards=rewards,
        correct=rewards > 0,
    )
    update = replace(update, advantages=method.advantages(update))
    loss = mean_loss(method, update)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.isfinite(loss) and torch.isfinite(gradient).all()


# -- settings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, changes, said",
    [
        ("grppo", {}, "unknown method 'grppo'; known are grpo"),
        ("par", {"treshold": 0.1}, "method_settings.par.treshold"),
        ("par", {"step": "fast"}, "method_settings.par.step"),
        ("steer", {"weight_min": 0.0}, "method_settings.steer.weight_min"),
        (
            "rloo_steer",
            {"mapping": "linear", "weight_max": 0.5},
            "method_settings.rloo_steer.weight_max: 0.5 is below weight_min 0.7",
        ),
        ("aent", {"entropy_lo": 0.1}, "method_settings.aent.entropy_lo is no setting; known here are clip_ratio_low"),
    ],
)
def test_wrong_settings_are_named(name, changes, said):
    with pytest.raises(InputError, match=said.replace("'", ".")):
        build(name, changes)


@pytest.mark.parametrize(
    "name, changes, said",
    [
        ("steer", {"mapping": "linear", "weight_max": 0.5}, "weight_max: 0.5 is below"),
        ("steer", {"variant": "code", "batch_statistics": "old_policy"}, "batch_statistics: this variant takes"),
        ("aent", {}, "entropy_low: not published"),
        ("par", {"threshold": -1}, "threshold: input should be"),
    ],
)
def test_a_run_under_a_name_of_its_own_is_blamed_by_it(name, changes, said):
    with pytest.raises(InputError, match=f"^method_settings.mine.{said}"):
        build(name, changes, place="method_settings.mine")


@pytest.mark.parametrize("name", METHODS)
def test_a_setting_of_all_methods_keeps_its_meaning(name):
    """A method's own `learning_rate` would be read as AdamW's: it may give GRPO's settings other values, and no other use."""
    field = class_of(name).Settings.model_fields["learning_rate"]
    assert field.default is None and field.description == Settings.model_fields["learning_rate"].description


def test_the_document_of_the_sweep_has_every_method():
    """`python -m stages.tools.sweep <method> --write` puts a row there."""
    rows = written((ROOT / DOCUMENT).read_text(encoding="utf-8"))
    assert list(rows) == everything() and {row[-1] for row in rows.values()} == {"ran"}
