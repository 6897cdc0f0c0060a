"""The published estimates of how the update on a token changes the entropy of the state where it was chosen.

All are known up to a common factor, and are positive where the entropy rises. p, H: the current policy's probability of the
token and entropy of its state; q, H_old: the old policy's; r = p/q; I is 0 where PPO's clip takes the gradient, else 1.

    name             estimate                                    source
    steer_eq9        −I·r·A·(1 − p)·(ln p + H)                   2510.10150 eq. 9 with δ of v4 and ACL 2026 (second-hand):
                                                                 an expectation over sampled tokens, so δ is divided by p
    steer_older      −I·r·A·(1 − p)²·(ln p + H)                  2510.10150, earlier δ
    steer_released   −A/q·p·(1 − p)·(ln p + H_old)               zz-haooo/STEER@b31df716; q and p held at 1e-8
    steer_times_p    −I·r·A·p·(1 − p)·(ln p + H)                 a second-hand reading of its Theorem 1
    flexible_first   −A·p·(ln p + H)                             2602.09782 §3: the term that the paper keeps
    flexible_full    −A·[p·(ln p + H) − Σ_x p_x²·(ln p_x + H)]   2602.09782 §3: ⟨∇_z L, ∇_z H⟩, exact where a state has logits
                                                                 of its own, for r = 1 and a step of SGD
    covariance       −(A − mean A)·(ln p − mean ln p)            2505.22617 §4, means over the mini-batch
    opefo            −A·(1 − p)²·(ln p + H)                      2605.11491 eq. 6 (second-hand)

`current_entropy`, H itself, stands beside them: the claim that uncertain states gain entropy is tested like the others.
"""

from dataclasses import replace

import torch
from torch import Tensor

from stages.probes.policy import View
from stages.rl.batch import Update
from stages.rl.ratio import outside_clip
from stages.rl.selection import token_covariance


@torch.no_grad()
def estimates(update: Update, view: View, clip_low: float | Tensor, clip_high: float | Tensor) -> dict[str, Tensor]:
    """Name -> [B, T], 0 on padding. `view` is the current policy's of `update`; the widths are those of the method's clip."""
    advantages, log_prob = update.advantages, view.log_prob
    p, other = log_prob.exp(), 1 - log_prob.exp()
    surprise = log_prob + view.entropy
    inside = ~outside_clip(replace(update, log_prob=log_prob), clip_low, clip_high)
    ratio = (log_prob - update.old_log_prob).exp()
    weighted = inside * ratio * advantages
    held, old = p.clamp(1e-8, 1 - 1e-8), update.old_log_prob.exp().clamp(1e-8, 1.0)
    found = {
        "steer_eq9": -weighted * other * surprise,
        "steer_older": -weighted * other**2 * surprise,
        "steer_released": -advantages / old * held * (1 - held) * (held.log() + update.old_entropy),
        "steer_times_p": -weighted * p * other * surprise,
        "flexible_first": -advantages * p * surprise,
        "flexible_full": -advantages * (p * surprise - view.spread),
        "covariance": -token_covariance(advantages, log_prob, update.response_mask),
        "opefo": -advantages * other**2 * surprise,
        "current_entropy": view.entropy,
    }
    return {name: torch.where(update.response_mask, value, 0.0) for name, value in found.items()}
