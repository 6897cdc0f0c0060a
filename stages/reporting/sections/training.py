"""The report's section on training: entropy, reward and what goes with them, over steps."""

import pandas as pd

from stages.artifacts.steps import COLUMNS
from stages.reporting.figures.progress import PROGRESS, VALIDATION
from stages.reporting.inputs.results import Results
from stages.reporting.sections.apart import apart_in_words, apart_table
from stages.reporting.sections.blocks import Block, Picture, Section, Table, Text
from stages.reporting.sections.numbers import number
from stages.reporting.tables.gains import REFERENCE
from stages.reporting.tables.steps import ends, ends_in_words, first_difference, grows_from

GROWN = 2  # times its level in the first steps: this bench's choice, as a ratio of two means has no published bound
# column of steps.jsonl -> decimals in the table of first and last steps
ENDS = {"entropy": 3, "reward": 2, "response_length": 1, "styles_per_group": 1}


def training_section(results: Results, apart: pd.DataFrame) -> Section:
    """`apart`: of `tables.apart`."""
    blocks: list[Block] = [
        Picture(
            "entropy",
            _alt(results, "entropy", "Entropy", 3),
            "Entropy: mean over all response tokens of the exact entropy of the next-token distribution, on the policy"
            f" that sampled them.{_band(results)}",
        ),
        Picture(
            "reward",
            _alt(results, "reward", "Reward", 2),
            f"Reward: mean over the responses of a step, 1 for each that {results.plan.train.reward} (train.reward) accepts."
            " Where steps have different prompts, part of the ups and downs is theirs.",
        ),
        _first_and_last(results),
        *_apart(results, apart),
    ]
    if VALIDATION in results.steps and (validation := results.plan.train.validation):
        blocks.append(
            Picture(
                "validation",
                f"Share of right responses in validation, every {validation.every} training steps, a line a method.",
                f"Validation: share of right responses to {validation.prompts} prompts of {validation.dataset},"
                f" {validation.responses_per_prompt} to each at temperature {validation.temperature:g}, by the policy that"
                f" sampled the step's responses; {results.plan.train.reward} (train.reward) says which are right.",
            )
        )
    if REFERENCE in results.methods and len(results.methods) > 1:
        blocks.append(Text(_coincidence(results)))
    if any(name in results.steps for name in PROGRESS["entropy_by_token_class"]):
        blocks.append(
            Picture(
                "entropy_by_token_class",
                "Entropy over training steps by token class, one panel a class. The numbers are in tables/steps.csv.",
                "Entropy by token class: the mean over all tokens can hide which of them lose it.",
            )
        )
    if "styles_per_group" in results.steps:
        blocks.append(
            Picture(
                "styles_per_group",
                _alt(results, "styles_per_group", "Distinct styles in a group", 2),
                f"Distinct styles: how many different first tokens the {results.plan.train.responses_per_prompt} responses"
                " to a prompt have, mean over prompts.",
            )
        )
    blocks.append(
        Picture(
            "clip_fractions",
            "Share of tokens outside the clip range over training steps, above and below.",
            "Share of tokens whose gradient the clip removes; mean over a step's updates.",
        )
    )
    blocks.append(
        Picture(
            "trainer_against_engine",
            "Panels over training steps: mean and largest difference of log-probs between trainer and engine, KL, share of"
            " tokens whose ratio leaves one half to two.",
            "Trainer against engine, on the tokens that the engine sampled and before each update. " + _gaps(results),
        )
    )
    blocks.append(
        Picture(
            "response_length",
            _alt(results, "response_length", "Response length in tokens", 1),
            "Response length in training, mean over the responses of a step.",
        )
    )
    return Section("training", "Does entropy collapse, and who prevents it", blocks)


def _band(results: Results) -> str:
    seeds = len(results.plan.seeds)
    return (
        "" if seeds == 1 else f" Lines are means over {seeds} seeds; bands reach from the lowest seed to the highest."
    )


def _alt(results: Results, column: str, name: str, digits: int) -> str:
    first, last = ends_in_words(results.plan.train.steps)
    parts = (
        f"{method} from {number(before, digits)} to {number(after, digits)}"
        for method, (before, after) in ends(results.steps, column).items()
    )
    return f"{name} over training steps, a line a method, {first} and {last}: {'; '.join(parts)}."


def _gaps(results: Results) -> str:
    """Each method's mean difference from the engine at both ends, and from which step on it has grown."""
    column = "engine_log_prob_difference"
    grown, sizes = grows_from(results.steps, column, GROWN), ends(results.steps, column)
    parts = []
    for method, step in grown.items():
        before, after = sizes[method]
        since = "" if step is None else f", more than {GROWN} times the first from step {step} on"
        parts.append(f"{method} {before:.2g} → {after:.2g}{since}")
    still = (
        "" if any(step is not None for step in grown.values()) else f" None grows to {GROWN} times its first and stays."
    )
    seeds = "" if len(results.plan.seeds) == 1 else ", over seeds"
    first, last = ends_in_words(results.plan.train.steps)
    return f"Mean difference in nats a token{seeds}, {first} → {last}: {'; '.join(parts)}.{still}"


def _first_and_last(results: Results) -> Table:
    columns = {name: digits for name, digits in ENDS.items() if name in results.steps}
    found = {name: ends(results.steps, name) for name in columns}
    clipped = results.steps.groupby("method")[["clip_fraction_high", "clip_fraction_low"]].mean().sum(axis=1)
    rows = []
    for method in results.methods:
        cells = [
            f"{number(found[name][method][0], digits)} → {number(found[name][method][1], digits)}"
            for name, digits in columns.items()
        ]
        rows.append([method, *cells, number(100 * clipped[method], 2)])
    header = ["method", *(COLUMNS[name].title for name in columns), "clipped, % of tokens"]
    seeds = "" if len(results.plan.seeds) == 1 else ", means over seeds"
    first, last = ends_in_words(results.plan.train.steps)
    caption = f"Training: {first} → {last}{seeds}; clipped tokens are the mean over all steps"
    return Table("first_and_last", caption, header, [("", rows)])


def _apart(results: Results, found: pd.DataFrame) -> list[Block]:
    if found.empty:
        return []
    _, last = ends_in_words(results.plan.train.steps)
    return [Text(apart_in_words(found, len(results.methods))), apart_table(found, "apart", last)]


def _coincidence(results: Results) -> str:
    """From which step on each method's log differs from GRPO's of the same seed."""
    parts = []
    for method in results.methods:
        if method != REFERENCE:
            found = [first_difference(results.steps, method, seed) for seed in results.plan.seeds]
            words = [f"step {step}" if step else f"no step (it coincides with {REFERENCE})" for step in found]
            parts.append(f"{method} at {', '.join(dict.fromkeys(words))}")
    return f"Where reward or entropy first differs from {REFERENCE}'s of the same seed: {'; '.join(parts)}."
