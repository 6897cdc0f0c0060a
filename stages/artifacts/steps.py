"""`steps.jsonl`: one line a training step, the same bytes for the same seed.

A line holds columns of `COLUMNS` and, under names that begin with `OWN`, what the method logs of itself. A name is spelt
here as in the loss that logs it, in the line, in the report's tables and in its figures.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from stages.common.files import InputError, read_jsonl

OWN = "method_"  # begins the name of every number that a method logs of itself


class Column(NamedTuple):
    label: str
    unit: str  # empty for a number without one
    meaning: str
    always: bool = True  # False: absent where there is nothing to measure

    @property
    def title(self) -> str:
        """The label and, where there is one, the unit."""
        return f"{self.label}, {self.unit}" if self.unit else self.label


NATS, TOKENS, SHARE, GROUPS = "nats a token", "tokens", "share of tokens", "share of groups"
COLUMNS = {
    "step": Column("step", "", "number of the step, from 1"),
    # on the old policy, over the step's responses
    "entropy": Column("entropy", NATS, "exact entropy of the next-token distribution, mean over tokens"),
    "entropy_quantile_80": Column(
        "entropy, 80 % quantile",
        NATS,
        "a fifth of the tokens, those at which the policy decides something, lie above it",
    ),
    "entropy_first_half": Column("entropy, first half", NATS, "mean over the first half of each response's tokens"),
    "entropy_second_half": Column(
        "entropy, second half", NATS, "mean over the second half of each response's tokens", always=False
    ),
    "unlikely_fraction": Column("unlikely tokens", SHARE, "sampled with a probability below 1/2"),
    "reward": Column("reward", "mean over responses", "reward of a response, as the data set's rule gives it"),
    "correct": Column("right responses", "share of responses", "responses with a right answer"),
    "response_length": Column("response length", TOKENS, "mean over responses"),
    "all_correct_groups": Column("all right", GROUPS, "prompts to which every response is right"),
    "all_wrong_groups": Column("all wrong", GROUPS, "prompts to which every response is wrong"),
    "log_prob_correct": Column(
        "log-probability, right responses", NATS, "mean over the tokens of right responses", always=False
    ),
    "log_prob_incorrect": Column(
        "log-probability, wrong responses", NATS, "mean over the tokens of wrong responses", always=False
    ),
    # where the tokenizer makes classes countable (the laboratory's)
    "entropy_style": Column(
        "entropy, first token (style)", NATS, "mean over the responses' first tokens", always=False
    ),
    "entropy_connector": Column("entropy, connectors", NATS, "mean over tokens that join two parts", always=False),
    "entropy_digit": Column("entropy, digits", NATS, "mean over digits", always=False),
    "entropy_other": Column("entropy, other", NATS, "mean over all other tokens", always=False),
    "styles_per_group": Column(
        "distinct styles in a group", "", "different first tokens of the responses to one prompt", always=False
    ),
    "dropped_groups": Column(
        "dropped groups", "prompts", "sampled and not trained on, with dynamic sampling", always=False
    ),
    "validation_correct": Column(
        "right in validation",
        "share of responses",
        "to the prompts of train.validation, by the policy that sampled the step's responses",
        always=False,
    ),
    # in the update, means over the step's mini-batches
    "clip_fraction_high": Column("clipped above, A > 0", SHARE, "no gradient because the ratio is above 1 + ε_high"),
    "clip_fraction_low": Column("clipped below, A < 0", SHARE, "no gradient because the ratio is below 1 − ε_low"),
    "clip_fraction_dual": Column(
        "held by the dual clip, A < 0", SHARE, "no gradient because the ratio is above the dual clip", always=False
    ),
    "clip_fraction_unlikely": Column(
        "clipped unlikely tokens",
        SHARE,
        "of those clipped above or below, the ones sampled with a probability below 1/2",
    ),
    "kl": Column("ln π_old − ln π", NATS, "mean over tokens: the k1 estimate of the KL from the old policy"),
    "kept_fraction": Column("tokens that count", SHARE, "tokens that the method's mask keeps"),
    "gradient_norm": Column("gradient norm", "", "before clipping"),
    "learning_rate": Column("learning rate", "", "of the step's last update"),
    # the trainer's log-probs of the sampled tokens against those of the engine that sampled them, before the update
    "engine_log_prob_difference": Column("trainer against engine", NATS, "mean of |ln p_trainer − ln p_engine|"),
    "engine_log_prob_largest": Column(
        "trainer against engine, largest", NATS, "the largest |ln p_trainer − ln p_engine| of a token"
    ),
    "engine_kl": Column("KL(engine ‖ trainer)", NATS, "mean over tokens of r − 1 − ln r, r = p_trainer/p_engine (k3)"),
    "engine_ratio_outside": Column(
        "ratio to engine outside [1/2, 2]", SHARE, "p_trainer/p_engine below 1/2 or above 2"
    ),
    "engine_weight": Column(
        "weight for the engine", "", "mean over tokens, with backend.engine_correction", always=False
    ),
    "rollout_probability_difference": Column(
        "trainer against engine", "probability", "largest difference of a token's probability between the two"
    ),
}


def line_of(values: Mapping[str, Any]) -> dict[str, int | float]:
    """The line of a step: `values` in the order of `COLUMNS`, then the method's own by name.

    ValueError where a name has no column, one that is always there is missing, or a value is no finite number.
    """
    own = sorted(name for name in values if name.startswith(OWN))
    if unknown := [name for name in values if name not in COLUMNS and name not in own]:
        raise ValueError(f"{unknown[0]} is no column of steps.jsonl; a method's own begin with {OWN}")
    if missing := [name for name, column in COLUMNS.items() if column.always and name not in values]:
        raise ValueError(f"{missing[0]} is missing")
    line = {name: values[name] for name in [*(name for name in COLUMNS if name in values), *own]}
    for name, value in line.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"{name} is {value}, not a finite number")
    return line


def read_steps(path: Path, steps: int) -> list[dict[str, int | float]]:
    """The lines of the steps 1 to `steps`; InputError says what is wrong with the file. The caller says what to run."""
    lines = list(read_jsonl(path))
    if [line.get("step") for line in lines] != list(range(1, steps + 1)):
        raise InputError(f"{path} does not hold the steps 1 to {steps}, each once and in order")
    for number, line in enumerate(lines, 1):
        try:
            line_of(line)
        except ValueError as error:
            raise InputError(f"{path} line {number}: {error}")
    return lines


def last_step(path: Path) -> dict[str, Any] | None:
    """The last whole line of a log that is still being written; None before its first."""
    if not path.exists():
        return None
    lines = [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
    return json.loads(lines[-1]) if lines else None
