"""Weights and a float32 head against the gap between trainer and engine: verl's own functions, and closed forms."""

from dataclasses import replace

import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM
from verl.trainer.ppo import core_algos
from verl.trainer.ppo.rollout_corr_helper import compute_rollout_correction_weights
from verl.workers.config import ActorConfig

from stages.backend.environment import FLOAT32_HEAD, environment
from stages.backend.head import compute_engine_head_in_float32, compute_head_in_float32
from stages.backend.loss import MethodLoss
from stages.common.files import InputError
from stages.methods import build
from stages.rl.engine import engine_weights
from tests.backend.test_optional_settings import with_backend
from tests.methods.test_code_variants import LENGTH, assert_same, batch, ours

VERLS = {"truncated_importance_sampling": "2.0", "icepop": "0.5_5.0"}


def apart(seed=3):
    """A batch whose engine was far from the trainer: some ratios lie beyond each bound."""
    update = batch(seed)
    gap = 1.2 * torch.randn(update.old_log_prob.shape, generator=torch.Generator().manual_seed(seed)).double()
    return replace(update, engine_log_prob=update.old_log_prob - gap)


@pytest.mark.parametrize("correction", VERLS)
def test_the_weights_are_verls(correction):
    update = apart()
    weights = engine_weights(correction, update.old_log_prob, update.engine_log_prob)
    theirs, _ = compute_rollout_correction_weights(
        update.old_log_prob - update.engine_log_prob,
        update.response_mask.double(),
        rollout_is="token",
        rollout_is_threshold=VERLS[correction],
    )
    mask = update.response_mask
    assert torch.allclose(weights[mask], theirs[mask])
    ratio = (update.old_log_prob - update.engine_log_prob).exp()[mask]
    assert (ratio < 0.5).any() and (ratio > 5).any() and ((ratio > 2) & (ratio < 5)).any()


@pytest.mark.parametrize("correction", VERLS)
def test_grpo_with_weights_is_verls_loss_and_gradient(correction):
    update = apart()
    weights = engine_weights(correction, update.old_log_prob, update.engine_log_prob)
    config = ActorConfig(
        strategy="fsdp", rollout_n=1, ppo_mini_batch_size=8, ppo_micro_batch_size_per_gpu=8, clip_ratio_c=1000.0
    )
    theirs = core_algos.get_policy_loss_fn("vanilla")(
        update.old_log_prob,
        update.log_prob,
        update.advantages,
        update.response_mask,
        "token-mean",
        config,
        rollout_is_weights=weights,
    )[0]
    found, logged = ours(MethodLoss(build("grpo", {}), LENGTH, correction), update)
    assert_same(found, theirs, update)
    assert logged["engine_weight"] == pytest.approx(weights[update.response_mask].mean().item())
    plain, unweighted = ours(MethodLoss(build("grpo", {}), LENGTH), update)
    assert abs(plain - found) > 1e-3 and "engine_weight" not in unweighted


def test_an_engine_that_agrees_changes_nothing():
    update = replace(batch(), engine_log_prob=batch().old_log_prob)
    plain, _ = ours(MethodLoss(build("entropy_bonus", {}), LENGTH), update)
    for correction in VERLS:
        assert_same(ours(MethodLoss(build("entropy_bonus", {}), LENGTH, correction), update)[0], plain, update)


def test_truncated_weights_have_the_expectation_of_the_trainer_where_nothing_is_cut():
    """E_engine[w·f] = E_trainer[f] over the whole vocabulary, if no ratio is above 2."""
    generator = torch.Generator().manual_seed(5)
    trainer = torch.randn(9, generator=generator, dtype=torch.float64).log_softmax(-1)
    engine = (trainer + 0.1 * torch.randn(9, generator=generator, dtype=torch.float64)).log_softmax(-1)
    value = torch.randn(9, generator=generator, dtype=torch.float64)
    weights = engine_weights("truncated_importance_sampling", trainer, engine)
    assert torch.allclose((engine.exp() * weights * value).sum(), (trainer.exp() * value).sum())


@pytest.mark.parametrize("name", ["dppo", "prorl"])
def test_a_method_with_the_ratio_in_its_own_loss_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=f"backend.engine_correction: {name} has the engine's probabilities"):
        with_backend(tmp_path, methods=["grpo", name], engine_correction="icepop")


def test_a_float32_head_rounds_no_logit():
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2, "num_key_value_heads": 2}
    model = Qwen2ForCausalLM(Qwen2Config(vocab_size=97, num_hidden_layers=1, **sizes)).bfloat16()
    with torch.no_grad():
        model.lm_head.weight.mul_(200)  # logits of ±20, as large models have: bf16 rounds them to sixteenths
    ids = torch.randint(97, (2, 7))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = model(ids).logits
        hidden = model.model(ids).last_hidden_state
        compute_head_in_float32(model)
        logits = model(ids).logits
    exact = hidden.double() @ model.lm_head.weight.double().T
    assert rounded.dtype == torch.bfloat16 and (rounded - exact).abs().max() > 0.02
    assert logits.dtype == torch.float32 and (logits - exact).abs().max() < 1e-4
    logits.logsumexp(-1).sum().backward()
    expected = torch.einsum("btv,bth->vh", exact.softmax(-1), hidden.double())
    assert torch.allclose(model.lm_head.weight.grad.double(), expected, rtol=1e-2, atol=1e-3)  # bf16, as the weight


def test_the_engine_is_told_of_the_head_only_where_it_is_asked_for(tmp_path):
    def told(**backend):
        return environment(with_backend(tmp_path, dtype="bfloat16", **backend).backend).get(FLOAT32_HEAD)

    assert told(head_dtype="float32") == "1" and told() is None
    with pytest.raises(InputError, match="head_dtype: with dtype float32"):
        with_backend(tmp_path, head_dtype="float32")


def test_an_engine_without_a_plain_head_says_so(monkeypatch):
    monkeypatch.setenv(FLOAT32_HEAD, "1")
    with pytest.raises(ValueError, match="backend.head_dtype: Linear has no head"):
        compute_engine_head_in_float32(torch.nn.Linear(2, 2))
    monkeypatch.delenv(FLOAT32_HEAD)
    compute_engine_head_in_float32(torch.nn.Linear(2, 2))
