"""What is measured of every step, the same way for every method: pure functions over `Responses`."""

from dataclasses import dataclass

import torch

from stages.lab.problems import CONNECTORS, FINAL_WORDS
from stages.surrogate.batch import Responses
from stages.surrogate.groups import group_mean


@dataclass(frozen=True)
class TokenClasses:
    """Token ids by class, where a tokenizer makes classes countable (the laboratory's); empty otherwise."""

    connector: tuple[int, ...] = ()
    digit: tuple[int, ...] = ()

    @staticmethod
    def of(tokenizer) -> "TokenClasses":
        words = [*CONNECTORS, *FINAL_WORDS]
        ids = [tokenizer.encode(word, add_special_tokens=False) for word in words]
        if len(tokenizer) > 1000 or any(len(tokens) > 1 for tokens in ids):
            return TokenClasses()
        digits = [tokenizer.encode(digit, add_special_tokens=False) for digit in "0123456789"]
        return TokenClasses(tuple(t[0] for t in ids), tuple(t[0] for t in digits))


def measure(responses: Responses, classes: TokenClasses) -> dict[str, float]:
    """Means over the rollout batch: entropy over tokens (nats), reward and length over responses, groups by outcome,
    and the log-prob of the tokens of right and of wrong responses (nats; absent where there are none).

    With token classes also the entropy of the response's first token (the style), of connectors, digits and the rest,
    and how many distinct styles a group has.
    """
    mask, entropy = responses.response_mask, responses.old_entropy.double()
    correct = group_mean(responses.correct.double(), responses.group)
    measured = {
        "entropy": entropy[mask].mean(),
        "reward": responses.rewards.double().mean(),
        "correct": responses.correct.double().mean(),
        "response_length": responses.response_length.double().mean(),
        "all_correct_groups": (correct == 1).double().mean(),
        "all_wrong_groups": (correct == 0).double().mean(),
    }
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
