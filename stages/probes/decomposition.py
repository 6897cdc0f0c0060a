"""The entropy change of a mini-batch by the tokens whose gradients made it, and by the tokens at whose states it happened.

The step is −η·P ∘ g + η·c (stages/probes/step.py), and g the sum of the tokens' own gradients, so the first-order change of any
quantity Q of the weights is a sum over tokens: token t gives −η·⟨∇Q, P ∘ g_t⟩. With u = P ∘ ∇Q this is −η times the directional
derivative of the token's loss along u: one pass gives it for all tokens, and every partition of them adds up to the same total.
What the exact change has beyond its first order is the remainder.
"""

from itertools import pairwise

import torch
from torch import Tensor

from stages.probes.batch import TokenBatch
from stages.probes.policy import Policy, View, Weights, times
from stages.rl.batch import Update

NEAR_ONE = 1e-6  # a ratio so near to 1 is 1 but for rounding
PROBABILITIES = (0.0, 0.1, 0.5, 0.9, 1.0)


def caused_by_tokens(
    policy: Policy, weights: Weights, batch: TokenBatch, loss_gradient: View, factor: Weights, quantity: Weights
) -> Tensor:
    """[B, T] what each token's gradient changes, to first order and per unit of learning rate, in a quantity.

    `quantity` is that quantity's gradient with respect to the weights, `loss_gradient` the loss's with respect to the view,
    `factor` the step's P.
    """
    slope = policy.derivative(weights, times(factor, quantity), batch)
    pairs = zip(loss_gradient.values(), slope.values(), strict=True)
    return -torch.stack([gradient * value for gradient, value in pairs]).sum(0)


def partitions(update: Update, view: View, clipped: Tensor) -> dict[str, dict[str, Tensor]]:
    """Name of a partition -> name of a part -> [B, T] bool. Every real token is in one part of each.

    region       sign of A, and whether the token is likelier than e^−H, where ln p + H > 0 (2602.09782: E1 to E4)
    probability  sign of A and the current probability
    clip         whether the clip takes the token's gradient, by the sign of A
    ratio        π/π_old
    """
    mask, p = update.response_mask, view.log_prob.exp()
    ratio = (view.log_prob - update.old_log_prob).exp()
    signs = {"A > 0": update.advantages > 0, "A < 0": update.advantages < 0}
    neither = {"A = 0": update.advantages == 0}
    likely = view.log_prob + view.entropy > 0
    edges = pairwise(PROBABILITIES)
    bins = {
        f"p {low:g} to {high:g}": (p >= low) & ((p < high) if high < 1 else torch.ones_like(mask))
        for low, high in edges
    }
    same = (ratio - 1).abs() <= NEAR_ONE
    found = {
        "region": {
            f"{sign}, {name}": chosen & region
            for sign, chosen in signs.items()
            for name, region in {"likely token": likely, "unlikely token": ~likely}.items()
        }
        | neither,
        "probability": {f"{sign}, {name}": chosen & own for sign, chosen in signs.items() for name, own in bins.items()}
        | neither,
        "clip": {f"clipped, {sign}": clipped & chosen for sign, chosen in signs.items()} | {"not clipped": ~clipped},
        "ratio": {
            "r < 0.8": ratio < 0.8,
            "r 0.8 to 1": (ratio >= 0.8) & (ratio < 1) & ~same,
            "r = 1": same,
            "r 1 to 1.2": (ratio > 1) & (ratio <= 1.2) & ~same,
            "r > 1.2": ratio > 1.2,
        },
    }
    return {name: {part: chosen & mask for part, chosen in parts.items()} for name, parts in found.items()}
