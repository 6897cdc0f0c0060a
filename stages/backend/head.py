"""The last layer of a bf16 model in float32: its logits would otherwise be rounded to steps of up to an eighth.

Both ends take hidden states and weights as they are, and neither rounds what comes out. vLLM has a switch for its end since
0.28 (`head_dtype`); vLLM 0.24, which the lock for GPUs has, reads it for pooling models only. So the engine's layer is
told to multiply otherwise, in both alike.
"""

import os
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from stages.backend.environment import FLOAT32_HEAD


def compute_head_in_float32(model: nn.Module) -> None:
    """From here on the trainer's `model` computes its logits in float32."""
    head = model.get_output_embeddings()  # type: ignore[operator]  # of every language model of transformers

    def forward(hidden: Tensor) -> Tensor:
        with torch.autocast(hidden.device.type, enabled=False):
            return linear(hidden.float(), head.weight.float(), None if head.bias is None else head.bias.float())

    head.forward = forward


def compute_engine_head_in_float32(model: Any) -> None:
    """The same for vLLM's `model`, where FLOAT32_HEAD is set; once is enough.

    ValueError where the model's head is quantised, or not where language models have it.
    """
    if FLOAT32_HEAD not in os.environ:
        return
    from vllm.model_executor.layers.vocab_parallel_embedding import UnquantizedEmbeddingMethod

    class Float32Head(UnquantizedEmbeddingMethod):
        def apply(self, layer: Any, x: Tensor, bias: Tensor | None = None) -> Tensor:
            if x.is_cuda:  # without a second copy of the weights
                logits = torch.mm(x.reshape(-1, x.shape[-1]), layer.weight.t(), out_dtype=torch.float32)
                return (logits if bias is None else logits + bias.float()).reshape(*x.shape[:-1], -1)
            return linear(x.float(), layer.weight.float(), None if bias is None else bias.float())

    head = getattr(model, "lm_head", None)
    if not isinstance(getattr(head, "quant_method", None), UnquantizedEmbeddingMethod):
        raise ValueError(
            f"backend.head_dtype: {type(model).__name__} has no head that can compute in float32; set model"
        )
    head.quant_method = Float32Head()
