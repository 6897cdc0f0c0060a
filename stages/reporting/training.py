"""The report's sections on training: entropy, reward and what goes with them over steps; the methods' schedules."""

from stages.reporting import tables
from stages.reporting.blocks import Picture, Section, Table, Text
from stages.reporting.datasets import CLASSES, own_columns
from stages.reporting.gains import REFERENCE
from stages.reporting.load import Results
from stages.reporting.numbers import number


def training(results: Results) -> Section:
    steps = results.steps
    blocks = [
        Picture(
            "entropy",
            _alt(results, "entropy", "Entropy", 3),
            "Entropy: mean over all response tokens of the exact entropy of the next-token distribution, on the policy"
            f" that sampled them.{_band(results)}",
        ),
        Picture(
            "reward",
            _alt(results, "reward", "Reward", 2),
            "Reward: mean over the responses of a step, each step on other prompts.",
        ),
        _first_and_last(results),
    ]
    if REFERENCE in results.methods and len(results.methods) > 1:
        blocks.append(Text(_coincidence(results)))
    if any(name in steps for name in CLASSES):
        blocks.append(
            Picture(
                "entropy_by_token_class",
                "Entropy over training steps by token class, one panel a class. The numbers are in tables/steps.csv.",
                "Entropy by token class: the mean can hide which tokens lose it.",
            )
        )
    if "styles_per_group" in steps:
        blocks.append(
            Picture(
                "styles_per_group",
                _alt(results, "styles_per_group", "Distinct styles in a group", 2),
                f"Distinct styles of solution among the {results.plan.train.responses_per_prompt} responses"
                " to a prompt.",
            )
        )
    blocks.append(
        Picture(
            "clip_fractions",
            "Share of tokens outside the clip range over training steps, above and below.",
            "Share of tokens whose gradient the clip removes; means over a step's updates.",
        )
    )
    blocks.append(
        Picture(
            "response_length",
            _alt(results, "response_length", "Response length in tokens", 1),
            "Response length in training.",
        )
    )
    return Section("training", "Does entropy collapse, and who prevents it", blocks)


def _band(results: Results) -> str:
    seeds = len(results.plan.seeds)
    return (
        "" if seeds == 1 else f" Lines are means over {seeds} seeds, bands reach from the lowest seed to the highest."
    )


def _ends(results: Results, column: str) -> dict[str, tuple[float, float]]:
    """Method -> mean over seeds at the first and at the last step."""
    found = {}
    for method, rows in results.steps.groupby("method", sort=False):
        mean = rows.groupby("step")[column].mean()
        found[method] = (mean.iloc[0], mean.iloc[-1])
    return found


def _alt(results: Results, column: str, name: str, digits: int) -> str:
    ends = (
        f"{method} from {number(first, digits)} to {number(last, digits)}"
        for method, (first, last) in _ends(results, column).items()
    )
    return f"{name} over training steps, a line a method: {'; '.join(ends)}."


def _first_and_last(results: Results) -> Table:
    columns = {"entropy": 3, "reward": 2, "response_length": 1, "styles_per_group": 1}
    columns = {name: digits for name, digits in columns.items() if name in results.steps}
    ends = {name: _ends(results, name) for name in columns}
    clipped = results.steps.groupby("method")[["clip_fraction_high", "clip_fraction_low"]].mean().sum(axis=1)
    rows = []
    for method in results.methods:
        cells = [
            f"{number(ends[name][method][0], digits)} → {number(ends[name][method][1], digits)}"
            for name, digits in columns.items()
        ]
        rows.append([method, *cells, f"{number(100 * clipped[method], 2)} %"])
    titles = {
        "entropy": "entropy, nats",
        "reward": "reward",
        "response_length": "length, tokens",
        "styles_per_group": "styles a group",
    }
    header = ["method", *(titles[name] for name in columns), "tokens clipped"]
    seeds = "" if len(results.plan.seeds) == 1 else ", means over seeds"
    caption = f"First → last training step{seeds}; clipped tokens as the mean over all steps"
    return Table("first_and_last", caption, header, [("", rows)])


def _coincidence(results: Results) -> str:
    """From which step on each method's log differs from GRPO's of the same seed."""
    parts = []
    for method in results.methods:
        if method != REFERENCE:
            found = [tables.first_difference(results.steps, method, seed) for seed in results.plan.seeds]
            words = [f"step {step}" if step else f"no step (it coincides with {REFERENCE})" for step in found]
            parts.append(f"{method} at {', '.join(dict.fromkeys(words))}")
    return f"Where reward or entropy first differ from {REFERENCE}'s of the same seed: {'; '.join(parts)}."


def schedule(results: Results) -> Section:
    groups: dict[str, list[list[str]]] = {}
    for method, column in own_columns(results.steps):
        logged = column.replace("method_", "method.", 1)
        values = results.steps[results.steps["method"] == method].groupby("step")[logged].mean().dropna()
        cells = (number(value, 4) for value in (values.iloc[0], values.min(), values.max(), values.iloc[-1]))
        groups.setdefault(method, []).append([column.removeprefix("method_"), *cells])
    text = (
        "What each method logs of its own: weights, widths and thresholds as they were in force. Schedules that depend"
        " on a run's length or on its first entropy take other values in another profile."
    )
    caption = "The methods' own quantities, means over a step's tokens"
    header = ["quantity", "first step", "lowest", "highest", "last step"]
    picture = Picture(
        "schedules",
        "The methods' own quantities over training steps; first, lowest, highest and last values are in the table.",
        "The methods' own quantities over training, each on a scale of its own.",
    )
    table = Table("schedules", caption, header, list(groups.items()))
    return Section("schedules", "Schedules of the methods", [Text(text), table, picture])
