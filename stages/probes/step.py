"""One real step of torch's SGD or AdamW in float64, and what in it is linear in the gradient.

A step at learning rate η is η · (−P ∘ g + c): g is the gradient of the loss, P a factor for each weight, and c what the step
owes to earlier gradients and to weight decay. Both rules are linear in η. For SGD P is the factor of gradient clipping alone.
AdamW (1711.05101, as in torch.optim) divides by the root of a mean of squares that g itself has entered; P holds that root
fixed, so that the parts of a gradient add up to the step that the whole gradient made.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

import torch

from stages.probes.policy import Weights, norm


@dataclass(frozen=True)
class Rule:
    """`epsilon` and `betas` are AdamW's. `gradient_clip` is the norm to which a longer gradient is shortened."""

    kind: Literal["sgd", "adamw"]
    betas: tuple[float, float]
    epsilon: float
    weight_decay: float
    gradient_clip: float

    @property
    def words(self) -> str:
        return "SGD" if self.kind == "sgd" else f"AdamW, β {self.betas[0]:g} and {self.betas[1]:g}, ε {self.epsilon:g}"


@dataclass(frozen=True)
class Step:
    """`weights` after the step. Per unit of learning rate: `factor` P and `carried` c of the module's formula. `state` is the
    optimiser's, for the next step; `gradient_norm` is that before clipping.
    """

    weights: Weights
    factor: Weights
    carried: Weights
    state: dict[str, Any]
    gradient_norm: float


def step(rule: Rule, learning_rate: float, weights: Weights, gradient: Weights, state: dict[str, Any] | None) -> Step:
    """`weights`, `gradient` and `state` (None: a fresh optimiser) stay as they are."""
    parameters = {name: torch.nn.Parameter(value.clone()) for name, value in weights.items()}
    for name, parameter in parameters.items():
        parameter.grad = gradient[name].clone()
    optimiser = _optimiser(rule, learning_rate, list(parameters.values()))
    if state is not None:  # the moments alone: a state also holds the settings of the rule that it comes from
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": deepcopy(state["state"]), "param_groups": groups})
    before = torch.nn.utils.clip_grad_norm_(list(parameters.values()), rule.gradient_clip).item()
    earlier = {name: _momentum(optimiser, parameter) for name, parameter in parameters.items()}
    clip = {
        name: torch.full_like(value, min(1.0, rule.gradient_clip / (before + 1e-6))) for name, value in weights.items()
    }
    optimiser.step()
    carried = {name: -rule.weight_decay * value for name, value in weights.items()}
    factor = clip
    if rule.kind == "adamw":
        factor = {}
        for name, parameter in parameters.items():
            (first, second), own = rule.betas, optimiser.state[parameter]
            count = own["step"].item()
            root = (own["exp_avg_sq"] / (1 - second**count)).sqrt() + rule.epsilon
            factor[name] = (1 - first) / (1 - first**count) / root * clip[name]
            carried[name] = carried[name] - first * earlier[name] / (1 - first**count) / root
    after = {name: parameter.detach() for name, parameter in parameters.items()}
    return Step(after, factor, carried, optimiser.state_dict(), before)


def _optimiser(rule: Rule, learning_rate: float, parameters: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    decay = rule.weight_decay
    if rule.kind == "sgd":
        return torch.optim.SGD(parameters, lr=learning_rate, weight_decay=decay)
    return torch.optim.AdamW(parameters, lr=learning_rate, betas=rule.betas, eps=rule.epsilon, weight_decay=decay)


def _momentum(optimiser: torch.optim.Optimizer, parameter: torch.nn.Parameter) -> torch.Tensor:
    """AdamW's mean of earlier gradients; 0 before the first."""
    own = optimiser.state.get(parameter, {})
    return own["exp_avg"].clone() if "exp_avg" in own else torch.zeros_like(parameter.data)


def direction(made: Step, gradient: Weights) -> Weights:
    """The step per unit of learning rate: −P ∘ g + c."""
    return {name: made.carried[name] - made.factor[name] * gradient[name] for name in gradient}


def length(before: Weights, after: Weights) -> float:
    """The norm of a step."""
    return norm({name: after[name] - before[name] for name in before})
