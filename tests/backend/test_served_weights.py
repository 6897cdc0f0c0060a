"""The digest of weights: the same however vLLM lays them out, another for whatever else it computes with."""

import pytest
import torch
from safetensors.torch import save_file

from stages.backend.served_weights import computed_with, digest, stored


@pytest.fixture
def weights():
    generator = torch.Generator().manual_seed(1)
    shapes = {"q": (4, 8), "k": (2, 8), "bias": (6,), "embedding": (5, 8)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def test_order_joined_matrices_and_padding_do_not_count(weights):
    q, k, bias, embedding = weights.values()
    padded = torch.cat([embedding, torch.zeros(3, 8)])
    assert digest([padded, torch.cat([q, k]), bias[:2], bias[2:]]) == digest(weights.values())


def test_the_sign_of_a_zero_does_not_count():
    assert digest([torch.tensor([[-0.0, 1.0]])]) == digest([torch.tensor([[0.0, 1.0]])])


@pytest.mark.parametrize("name", ["q", "k", "bias", "embedding"])
def test_the_last_bit_of_one_weight_counts(name, weights):
    before = digest(weights.values())
    flat = weights[name].view(-1)
    flat[3] = torch.nextafter(flat[3], torch.tensor(torch.inf))
    assert digest(weights.values()) != before


def test_a_row_that_is_missing_or_there_twice_counts(weights):
    q = weights["q"]
    assert len({digest([q]), digest([q[1:]]), digest([q, q[:1]])}) == 3


def test_files_count_in_the_dtype_that_is_served_and_a_tied_output_layer_once(weights, tmp_path):
    embedding, q = weights["embedding"], weights["q"]
    save_file({"embedding": embedding, "lm_head.weight": embedding.clone()}, tmp_path / "model-1.safetensors")
    save_file({"q": q}, tmp_path / "model-2.safetensors")
    tied = digest(stored(tmp_path, torch.bfloat16, tied=True))
    assert tied == digest([embedding.bfloat16(), q.bfloat16()])
    assert tied != digest(stored(tmp_path, torch.bfloat16, tied=False))


class Packed(torch.nn.Linear):
    """Computes, as vLLM's layers do on a CPU, with a packed copy of its weight."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs)
        self.packed, self.quant_method = self.weight.detach().clone(), self

    def apply(self, layer, x, bias):
        return torch.nn.functional.linear(x, self.packed, bias)


def test_what_is_computed_with_counts_beside_what_is_kept():
    """In a model whose layers share a weight, as an embedding and an output layer may."""
    model = torch.nn.Sequential(Packed(8, 8), Packed(8, 8))
    model[1].weight = model[0].weight
    model[1].packed = model[0].packed.clone()
    whole = digest(computed_with(model))
    assert whole == digest([model[0].weight, model[0].bias, model[1].bias])
    for layer in model:
        layer.packed += 1
        assert digest(computed_with(model)) != whole
        layer.packed = model[0].weight.detach().clone()
        assert digest(computed_with(model)) == whole
