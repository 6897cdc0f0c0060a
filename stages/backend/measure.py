"""What is measured of every step before its update, the same for every method: pure functions of `Responses`.

The names are columns of the step log (stages/artifacts/steps.py).
"""

import math
from dataclasses import dataclass

import numpy
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from stages.lab.problems import CONNECTORS, FINAL_WORDS
from stages.rl.advantages import group_mean
from stages.rl.batch import Responses
from stages.rl.ratio import k3, unlikely


@dataclass(frozen=True)
class TokenClasses:
    """Token ids by class, for the laboratory's tokenizer, in which each connector and each digit is one token; no other
    tokenizer has classes.
    """

    connector: tuple[int, ...] = ()
    digit: tuple[int, ...] = ()

    @staticmethod
    def of(tokenizer: PreTrainedTokenizerBase) -> "TokenClasses":
        words = [*CONNECTORS, *FINAL_WORDS]
        ids = [tokenizer.encode(word, add_special_tokens=False) for word in words]
        if len(tokenizer) > 1000 or any(len(tokens) > 1 for tokens in ids):
            return TokenClasses()
        digits = [tokenizer.encode(digit, add_special_tokens=False) for digit in "0123456789"]
        return TokenClasses(tuple(t[0] for t in ids), tuple(t[0] for t in digits))


def measure(responses: Responses, classes: TokenClasses) -> dict[str, float]:
    """Means over the step's responses: of entropy over tokens (nats; also its 80 % quantile, the means over the first and the
    second half of each response, and the share of tokens that were unlikely), of reward, correctness and length over responses,
    shares of groups that are all right and all wrong, and the mean log-prob of the tokens of right and of wrong responses
    (nats; absent where there are no such responses).

    With token classes also the entropy of the first token of a response (its style), of connectors, of digits and of the
    other tokens, and the number of distinct styles in a group.
    """
    mask, entropy = responses.response_mask, responses.old_entropy.double()
    correct = group_mean(responses.correct.double(), responses.group)
    first_half = mask & (torch.arange(mask.shape[1]) < (responses.response_length[:, None] + 1) // 2)
    measured = {
        "entropy": entropy[mask].mean(),
        "entropy_quantile_80": numpy.quantile(entropy[mask].numpy(), 0.8),  # torch's takes 16 million values at most
        "entropy_first_half": entropy[first_half].mean(),
        "unlikely_fraction": (unlikely(responses) & mask).sum() / mask.sum(),
        "reward": responses.rewards.double().mean(),
        "correct": responses.correct.double().mean(),
        "response_length": responses.response_length.double().mean(),
        "all_correct_groups": (correct == 1).double().mean(),
        "all_wrong_groups": (correct == 0).double().mean(),
    }
    if (second_half := mask & ~first_half).any():
        measured["entropy_second_half"] = entropy[second_half].mean()
    measured |= engine_gap(responses.old_log_prob, responses.engine_log_prob, mask)
    for name, chosen in {"correct": responses.correct, "incorrect": ~responses.correct}.items():
        if chosen.any():
            measured[f"log_prob_{name}"] = responses.old_log_prob.double()[mask & chosen[:, None]].mean()
    if classes.digit:
        style = torch.zeros_like(mask)
        style[:, 0] = True
        connector = torch.isin(responses.token_ids, torch.tensor(classes.connector)) & ~style
        digit = torch.isin(responses.token_ids, torch.tensor(classes.digit)) & ~style
        for name, members in {
            "style": style,
            "connector": connector,
            "digit": digit,
            "other": ~(style | connector | digit),
        }.items():
            if (members & mask).any():
                measured[f"entropy_{name}"] = entropy[members & mask].mean()
        pairs = torch.stack([responses.group, responses.token_ids[:, 0]], 1).unique(dim=0)
        measured["styles_per_group"] = torch.tensor(len(pairs) / len(responses.group.unique()))
    return {name: float(value) for name, value in measured.items()}


def engine_gap(log_prob: Tensor, engine_log_prob: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """How far the trainer's log-probs [B, T] of the sampled tokens are from those of the engine that sampled them.

    k3 estimates KL(engine ‖ trainer), because the engine's policy gave the samples.
    """
    difference = (log_prob.double() - engine_log_prob.double())[mask]
    return {
        "engine_log_prob_difference": difference.abs().mean(),
        "engine_log_prob_largest": difference.abs().max(),
        "engine_kl": k3(engine_log_prob.double(), log_prob.double())[mask].mean(),
        "engine_ratio_outside": (difference.abs() > math.log(2)).double().mean(),
    }
