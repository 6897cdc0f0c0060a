"""Gives vLLM the weights of another model, and says whether it computes with those that it was given.

vLLM adds `ServedWeights` to its worker (`--worker-extension-cls`), and `server.py` calls its methods by name.

Both digests are of rows, as vLLM joins q, k and v into one matrix, gate and up into another, and pads the vocabulary
with zeros: a sum over all rows that are not zero, whatever their order and the matrix they stand in.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor


class ServedWeights:
    """Becomes a part of vLLM's worker, whose `model_runner` it uses."""

    model_runner: Any

    def serve_weights(self, folder: str) -> None:
        """Serves the safetensors files in `folder` from now on."""
        self.model_runner.reload_weights(weights_path=folder)
        # On a CPU each layer computes with a packed copy of its weight. vLLM 0.28.0 renews it for the layer that it
        # loads, and forgets the output layer that shares the embedding's weight.
        loaded: set[int] = set()
        for layer in linear_layers(self.model_runner.get_model()):
            if id(layer.weight) in loaded:
                layer.quant_method.process_weights_after_loading(layer)
            loaded.add(id(layer.weight))

    def weights_digests(self, folder: str) -> dict[str, str]:
        """The digest of what is computed with (`served`), and of the safetensors files in `folder` (`asked`).

        vLLM hands on what the first of several copies of the model says. Another one raises RuntimeError where they differ.
        """
        config = self.model_runner.model_config
        with torch.inference_mode():
            asked = stored(Path(folder), config.dtype, tied=config.hf_config.tie_word_embeddings)
            digests = {"served": digest(computed_with(self.model_runner.get_model())), "asked": digest(asked)}
        copy = self.model_runner.parallel_config.data_parallel_index
        if copy and digests["served"] != digests["asked"]:
            raise RuntimeError(f"copy {copy} of the model computes with other weights than those in {folder}")
        return digests


def linear_layers(model: torch.nn.Module) -> Iterator[Any]:
    """The layers of a model of vLLM that multiply by their weight, embeddings included, which may be output layers."""
    for layer in model.modules():
        if hasattr(layer, "quant_method") and hasattr(layer, "weight"):
            yield layer


def computed_with(model: torch.nn.Module) -> Iterator[Tensor]:
    """The parameters of a model of vLLM, and what a linear layer computes with if that is not its parameter.

    It is what the layer makes of the unit vectors, which is exact: a weight times one, and zeros.
    """
    yield from model.parameters()  # a shared one once
    for layer in linear_layers(model):
        units = torch.eye(layer.weight.shape[1], dtype=layer.weight.dtype, device=layer.weight.device)
        computed = layer.quant_method.apply(layer, units, None).T
        if not torch.equal(computed, layer.weight):
            yield computed


def stored(folder: Path, dtype: torch.dtype, tied: bool) -> Iterator[Tensor]:
    """The weights in the safetensors files of `folder`, as a model of `dtype` has them."""
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 (it is no dict)
                if not (tied and name == "lm_head.weight"):
                    yield tensors.get_tensor(name).to(dtype)


def digest(weights: Iterable[Tensor]) -> str:
    """64 hex digits: the sum of the sha256 of all rows but those of zeros; each element of a vector is a row."""
    total = 0
    for weight in weights:
        rows = weight.reshape(-1, weight.shape[-1] if weight.dim() > 1 else 1) + 0.0  # +: -0.0 becomes 0.0
        for row in rows[rows.any(dim=1)].cpu().contiguous().view(torch.uint8).numpy():
            total += int.from_bytes(hashlib.sha256(row).digest(), "big")
    return f"{total % 2**256:064x}"
