"""Methods whose teacher is the policy told more, against their papers' formulas, and E3's temperature against its schedule."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from stages.backend.teacher import other_solutions
from stages.methods import build
from stages.rl.batch import TrainingStep
from tests.batches import mean_loss, prepared, random_update, responses_with

# -- what the teacher is shown -------------------------------------------------------------------------------------


def test_the_teacher_is_shown_the_first_other_right_response():
    keys = ["b_1", "a_0", "a_2", "a_1", "c_0", "b_0"]
    groups = [key[0] for key in keys]
    correct = [True, True, True, False, True, False]
    shown = [None if place is None else keys[place] for place in other_solutions(keys, groups, correct)]
    assert shown == [None, "a_2", "a_0", "a_0", None, "b_1"]


# -- RLSD ----------------------------------------------------------------------------------------------------------


def rlsd(update, mixing, width):
    """Eq. 13 to 15 in the policy-gradient objective of GRPO, token by token."""
    losses = []
    for row, length in enumerate(update.response_length.tolist()):
        for t in range(length):
            advantage = update.advantages[row, t]
            teacher, student = (math.exp(of[row, t].item()) for of in (update.reference_log_prob, update.old_log_prob))
            evidence = teacher / student if advantage > 0 else student / teacher
            credit = advantage * (1 - mixing + mixing * min(max(evidence, 1 - width), 1 + width))
            ratio = (update.log_prob[row, t] - update.old_log_prob[row, t]).exp()
            losses.append(-torch.minimum(ratio * credit, ratio.clamp(0.8, 1.28) * credit))
    return torch.stack(losses).mean()


@pytest.mark.parametrize("step, mixing", [(1, 0.5), (11, 0.4), (51, 0.0), (90, 0.0)])
def test_rlsd_against_its_equations(step, mixing):
    update = random_update(step, spread=0.5, step=step)
    ours, theirs = mean_loss(build("rlsd", {}), update), rlsd(update, mixing, 0.2)
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-12)
    ours, theirs = (torch.autograd.grad(loss, update.logits, retain_graph=True)[0] for loss in (ours, theirs))
    assert torch.allclose(ours, theirs, atol=1e-12)


def test_rlsd_and_rlrt_weigh_the_same_evidence_the_other_way_round():
    """Where no clip holds, the product of the two whole weights is 1 on right responses."""
    update = random_update(4)
    whole = {"mixing": 1.0, "weight_width": 1.0}
    towards, away = (build(name, whole).token_weight(update) for name in ("rlsd", "rlrt"))
    free = update.response_mask & update.correct[:, None] & (towards < 2) & (away < 2)
    assert free.any() and torch.allclose((towards * away)[free], torch.ones_like(towards[free]))


def test_rlrts_teacher_can_be_the_initial_model():
    assert build("rlrt", {}).reference == "policy_with_solution"
    assert build("rlrt", {"teacher": "initial"}).reference == "initial_with_answer"


# -- AntiSD --------------------------------------------------------------------------------------------------------


def seen(step, entropy, state):
    """A step's responses, of which the teacher's median entropy is `entropy`."""
    update = random_update(step)
    shift = entropy - update.reference_entropy[update.response_mask].median()
    return replace(
        update, training_step=TrainingStep(step, 99, state), reference_entropy=update.reference_entropy + shift
    )


def test_antisds_gate_is_a_schmitt_trigger():
    """Open after the warm-up, shut below 93 % of its entropy, open again only at all of it."""
    method = build("antisd", {})
    state, gates = method.initial_state(), []
    for step, entropy in enumerate([1.0, 1.2, 0.8, 1.1, 0.9, 0.94, 0.92, 0.99, 1.0, 0.93, 0.5], 1):
        responses = seen(step, entropy, state)
        moved = not torch.equal(method.advantages(responses), build("grpo", {}).advantages(responses))
        state = method.update_state(responses, {})
        assert moved == (step > 5 and state["gate"] == 1.0)
        gates.append(state["gate"])
    assert gates == [1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0] and state["warm_entropy"] == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(3))
def test_antisd_ascends_the_jensen_shannon_divergence(seed):
    """Lemma 4: the mean over the student's next tokens of advantage × score is the gradient of JSD(student ‖ teacher)."""
    generator = torch.Generator().manual_seed(seed)
    student = torch.randn(6, generator=generator, dtype=torch.float64).requires_grad_()
    teacher = torch.randn(6, generator=generator, dtype=torch.float64).log_softmax(-1)
    p, q = student.softmax(-1), teacher.exp()
    middle = (p + q) / 2
    divergence = 0.5 * (p * (p / middle).log()).sum() + 0.5 * (q * (q / middle).log()).sum()
    expected = torch.autograd.grad(divergence, student)[0]

    log_p = student.log_softmax(-1).detach()
    state = {"gate": 1.0, "warm_entropy": 1.0}
    batch = replace(
        responses_with([1.0] * 6, lengths=[1] * 6),
        old_log_prob=log_p[:, None],
        reference_log_prob=teacher[:, None],
        reference_entropy=torch.ones(6, 1, dtype=torch.float64),
        training_step=TrainingStep(6, 9, state),
    )
    advantage = build("antisd", {"mixing": 1.0}).advantages(batch)[:, 0]  # rewards all alike: the term alone
    score = torch.eye(6, dtype=torch.float64) - log_p.exp()  # [token, logit]
    assert torch.allclose((log_p.exp() * advantage) @ score, expected, atol=1e-12)
    assert advantage.max() <= 0.5 * math.log(2)


def test_antisd_without_mixing_is_grpo():
    update = replace(random_update(), training_step=TrainingStep(9, 9, {"gate": 1.0, "warm_entropy": 0.0}))
    plain, without, whole = (
        build(name, settings).advantages(update)
        for name, settings in (("grpo", {}), ("antisd", {"mixing": 0.0}), ("antisd", {}))
    )
    assert torch.equal(plain, without) and not torch.equal(plain, whole)


# -- SDPO ----------------------------------------------------------------------------------------------------------


def test_sdpo_is_the_released_codes_path_for_sampled_tokens():
    update = random_update(2, spread=1.2)
    log_ratio = update.log_prob - update.reference_log_prob
    clipped = (update.log_prob - update.old_log_prob).detach().exp().clamp(max=2.0)
    assert (clipped == 2.0)[update.response_mask].any()
    kept = update.response_mask.clone()
    for row in range(len(kept)):
        others = [r for r in range(len(kept)) if r != row and update.group[r] == update.group[row]]
        kept[row] &= bool(update.correct[others].any())
    theirs = (log_ratio.detach() * update.log_prob * clipped)[kept].mean()
    ours = mean_loss(build("sdpo", {}), update)
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-12)
    ours, theirs = (torch.autograd.grad(loss, update.logits, retain_graph=True)[0] for loss in (ours, theirs))
    assert torch.allclose(ours, theirs, atol=1e-12)


def test_a_response_without_another_right_one_teaches_sdpo_nothing():
    batch = responses_with([1, 0, 0, 1, 1, 0], group=[0, 0, 0, 1, 1, 2])
    assert prepared(build("sdpo", {}), batch).mask[:, 0].tolist() == [False, True, True, True, True, False]


# -- E3 ------------------------------------------------------------------------------------------------------------


def scheduler(entropies, steps, temperature, vocabulary):
    """The temperature of each step as the released scheduler counts it: its state after each call."""
    count, first, target, found = 1, None, None, [temperature]
    start = steps - int(steps * 0.4)
    for entropy in entropies:
        if count == 1:
            first = target = entropy
        else:
            temperature *= 1 + temperature * np.log(target / entropy) / (
                np.log(vocabulary) + np.log(np.log(vocabulary))
            )
            if count >= start and steps > start:
                decay = 0.5 * (1 + math.cos(math.pi * (count - start) / (steps - start)))
                target = first * (0.1 * decay + 0.9)
        count += 1
        found.append(temperature)
    return found[:-1]


@pytest.mark.parametrize("steps", [1, 2, 5, 20])
def test_e3s_temperature_is_the_released_schedule(steps):
    entropies = (0.2 + np.random.default_rng(steps).random(steps)).tolist()
    method, found = build("e3_temperature", {}), []
    state = method.initial_state()
    for step, entropy in enumerate(entropies, 1):
        place = TrainingStep(step, steps, state)
        temperature = method.rollout(place).temperature or 0.7
        found.append(temperature)
        responses = replace(random_update(), training_step=place, temperature=temperature, vocabulary=151936)
        state = method.update_state(responses, {"entropy": entropy})
    assert found == pytest.approx(scheduler(entropies, steps, 0.7, 151936), rel=1e-12)
    assert steps < 3 or len(set(found)) == steps - 1  # the first two steps have the profile's


def test_e3_samples_hotter_when_the_entropy_falls():
    method = build("e3_temperature", {})
    place = TrainingStep(2, 10, {"temperature": 1.0, "first_entropy": 0.4})
    batch = replace(random_update(), training_step=place, vocabulary=50_000)
    at = {entropy: method.update_state(batch, {"entropy": entropy})["temperature"] for entropy in (0.2, 0.4, 0.8, 0.0)}
    assert at[0.2] > 1.0 > at[0.8] and at[0.4] == at[0.0] == 1.0
