"""The last layer of a bf16 model in float32: its logits would otherwise be rounded to steps of up to an eighth."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

# What makes vLLM do the same (vllm/config/model.py, `head_dtype`).
OF_ENGINE: dict[str, Any] = {"engine_kwargs": {"vllm": {"hf_overrides": {"head_dtype": "float32"}}}}


def compute_head_in_float32(model: nn.Module) -> None:
    """From here on `model` computes its logits in float32, from hidden states and weights as they are."""
    head = model.get_output_embeddings()  # type: ignore[operator]  # of every language model of transformers

    def forward(hidden: Tensor) -> Tensor:
        with torch.autocast(hidden.device.type, enabled=False):
            return linear(hidden.float(), head.weight.float(), None if head.bias is None else head.bias.float())

    head.forward = forward
