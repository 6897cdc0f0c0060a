"""A causal language model in float64, as a function of its weights.

Models of transformers cast to float32 where they normalise, rotate and take a softmax, which rounds an entropy at 1e-7:
more than what a small step changes. `in_double` leaves these casts out while the model computes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, jvp
from torch.overrides import TorchFunctionMode
from transformers import AutoModelForCausalLM, PreTrainedModel

from stages.probes.batch import TokenBatch

Weights = dict[str, Tensor]  # name of a parameter -> its value, or a change of it
LogitTerms = Callable[[Tensor], dict[str, Tensor]]


class in_double(TorchFunctionMode):
    """Casts to float32 become casts to float64."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {name: _wide(value) for name, value in (kwargs or {}).items()}
        if func is torch.Tensor.float:
            return args[0].double()
        return func(*(args if func is not torch.Tensor.to else map(_wide, args)), **given)


def _wide(value: Any) -> Any:
    return torch.float64 if value is torch.float32 else value


@dataclass(frozen=True)
class View:
    """What a policy says of the tokens of a batch, or a derivative of it: [B, T] each, 0 on padding. Nats.

    `spread` is Σ_x p_x²(ln p_x + H) over the vocabulary. `terms` are a method's logit terms by name.
    """

    log_prob: Tensor
    entropy: Tensor
    spread: Tensor
    terms: dict[str, Tensor] = field(default_factory=dict)

    def values(self) -> list[Tensor]:
        return [self.log_prob, self.entropy, self.spread, *self.terms.values()]

    def with_values(self, values: list[Tensor]) -> "View":
        """A view of the same form with these values, in the order of `values()`."""
        log_prob, entropy, spread, *terms = values
        return View(log_prob, entropy, spread, dict(zip(self.terms, terms, strict=True)))


class _Reader(nn.Module):
    """The model with the distribution of every response token read off: a flat tuple, as torch.func wants it."""

    def __init__(self, model: PreTrainedModel, temperature: float, logit_terms: LogitTerms | None):
        super().__init__()
        self.model, self.temperature, self.logit_terms = model, temperature, logit_terms
        self.names: list[str] = []

    def forward(self, sequences: Tensor, token_ids: Tensor, mask: Tensor, places: Tensor) -> tuple[Tensor, ...]:
        logits = self.model(input_ids=sequences, use_cache=False).logits
        logits = logits[torch.arange(len(mask), device=mask.device)[:, None], places] / self.temperature
        log_probs = logits.log_softmax(-1)
        probs = log_probs.exp()
        entropy = -(probs * log_probs).sum(-1)
        spread = (probs**2 * (log_probs + entropy[..., None])).sum(-1)
        read = [log_probs.gather(-1, token_ids[..., None])[..., 0], entropy, spread]
        if self.logit_terms is not None:
            found = self.logit_terms(logits.flatten(0, 1))
            self.names = list(found)
            read += [value.view(mask.shape) for value in found.values()]
        return tuple(torch.where(mask, value, 0.0) for value in read)


class Policy:
    """The model in `folder`; `micro_batch` is how many responses it holds at once."""

    def __init__(self, folder: Path, temperature: float, micro_batch: int, device: str = "cpu"):
        # eager: the fused kernels of attention have no forward derivative
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float64, attn_implementation="eager", trust_remote_code=False
        )
        self.model: PreTrainedModel = model.to(device).eval()
        self.temperature, self.micro_batch, self.device = temperature, micro_batch, device
        self._reader = _Reader(self.model, temperature, None)
        stops: Any = getattr(self.model.generation_config, "eos_token_id", None)
        self.ends = {stops} - {None} if not isinstance(stops, list) else set(stops)  # beside the tokenizer's own
        self.weights: Weights = {name: value.detach() for name, value in self._reader.named_parameters()}

    def reading(self, logit_terms: LogitTerms | None) -> None:
        """From here on a view has the terms that `logit_terms` gives of logits [N, V] as name -> [N]."""
        self._reader.logit_terms, self._reader.names = logit_terms, []

    def view(self, weights: Weights, batch: TokenBatch) -> View:
        """The policy with `weights`, without gradient."""
        with torch.no_grad(), in_double():
            return self._joined([self._read(weights, part) for part in self._parts(batch)], batch)

    def gradient(self, weights: Weights, batch: TokenBatch, of: View) -> Weights:
        """The gradient with respect to the weights of Σ value · `of`'s coefficient over all values of the view."""
        total = {name: torch.zeros_like(value) for name, value in weights.items()}
        leaves = {name: value.detach().requires_grad_() for name, value in weights.items()}
        first = 0
        for part in self._parts(batch):
            own = [coefficient[first : first + len(part), : part.mask.shape[1]] for coefficient in of.values()]
            with in_double():
                read = self._read(leaves, part)
                total_of_part = sum((value * coefficient).sum() for value, coefficient in zip(read, own, strict=True))
                found = torch.autograd.grad(total_of_part, list(leaves.values()), allow_unused=True)  # type: ignore[arg-type]
            for name, value in zip(leaves, found, strict=True):
                if value is not None:
                    total[name] += value
            first += len(part)
        return total

    def derivative(self, weights: Weights, direction: Weights, batch: TokenBatch) -> View:
        """The exact directional derivative of the view along `direction` (forward mode)."""
        found = []
        with torch.no_grad(), in_double():
            for part in self._parts(batch):
                _, tangents = jvp(lambda moved, part=part: self._read(moved, part), (weights,), (direction,))  # type: ignore[misc]
                found.append(tangents)
        return self._joined(found, batch)

    def _read(self, weights: Weights, part: TokenBatch) -> tuple[Tensor, ...]:
        return functional_call(self._reader, weights, (part.sequences, part.token_ids, part.mask, part.places))

    def _parts(self, batch: TokenBatch) -> Iterator[TokenBatch]:
        for first in range(0, len(batch), self.micro_batch):
            yield batch.rows(slice(first, first + self.micro_batch))

    def _joined(self, parts: list[tuple[Tensor, ...]], batch: TokenBatch) -> View:
        width = batch.mask.shape[1]
        padded = [[nn.functional.pad(value, (0, width - value.shape[1])) for value in part] for part in parts]
        log_prob, entropy, spread, *terms = (torch.cat(values) for values in zip(*padded, strict=True))
        return View(log_prob, entropy, spread, dict(zip(self._reader.names, terms, strict=True)))


def moved(weights: Weights, direction: Weights, length: float = 1.0) -> Weights:
    """weights + length · direction."""
    return {name: value + length * direction[name] for name, value in weights.items()}


def inner(first: Weights, second: Weights) -> float:
    """The inner product of two gradients or steps."""
    return float(sum((first[name] * second[name]).sum() for name in first))


def norm(weights: Weights) -> float:
    return inner(weights, weights) ** 0.5


def times(first: Weights, second: Weights) -> Weights:
    """Element by element."""
    return {name: first[name] * second[name] for name in first}
