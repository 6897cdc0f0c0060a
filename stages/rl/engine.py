"""Weights for responses that an engine sampled whose probabilities are not quite the trainer's."""

from typing import Literal

import torch
from torch import Tensor

Correction = Literal["truncated_importance_sampling", "icepop"]
LARGEST_WEIGHT = 2.0  # of truncated importance sampling: C of its authors' runs
KEPT_RATIOS = (0.5, 5.0)  # α and β of IcePop


def engine_weights(correction: Correction, old_log_prob: Tensor, engine_log_prob: Tensor) -> Tensor:
    """[B, T] weights of the tokens, without gradient, from their log-probs under the trainer's old policy and the engine.

    With r = π_old/π_engine: `truncated_importance_sampling` is min(r, 2) (Yao et al. 2025, "Your efficient RL framework
    secretly brings you off-policy RL training"), `icepop` is r where ½ ≤ r ≤ 5 and 0 elsewhere (2510.18855 §3.2).
    """
    ratio = (old_log_prob - engine_log_prob).exp().detach()
    match correction:
        case "truncated_importance_sampling":
            return ratio.clamp(max=LARGEST_WEIGHT)
        case "icepop":
            lowest, highest = KEPT_RATIOS
            return torch.where((ratio >= lowest) & (ratio <= highest), ratio, 0.0)
