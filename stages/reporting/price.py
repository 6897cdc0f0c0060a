"""The report's section on what a method costs: entropy, diversity, calibration, truncation; where the hours are."""

import pandas as pd

from stages.reporting.blocks import Picture, Room, Section, Table, Text
from stages.reporting.load import Results
from stages.reporting.numbers import number


def price_section(results: Results, found: dict[str, pd.DataFrame]) -> Section:
    """`found`: the tables of `stages.report.measure`."""
    prices, blocks = found["prices"], []
    if prices["entropy"].notna().any() and prices["score"].notna().any():
        blocks.append(
            Picture(
                "entropy_against",
                "Score and diversity against the entropy at the last step, a point a model; the numbers are in the"
                " table of prices.",
                "Is entropy worth having? Score and diversity against the entropy at the last training step.",
            )
        )
    blocks.append(_prices(prices))
    if "log_prob_correct" in results.steps:
        blocks.append(
            Picture(
                "calibration",
                "Mean token log-probability of right and of wrong training responses over steps, and their difference;"
                " values at the last step are in the table of prices.",
                "Calibration: how sure the policy is of right and of wrong responses (mean log-probability a token)."
                " Where both rise and meet, it has become sure of everything.",
            )
        )
    if len(found["disagreements"]):
        blocks.append(_disagreements(found["disagreements"]))
    text = (
        "Hours differ from run to run and machine to machine, so they are no part of this page. They stand beside the"
        f" report in `results/{results.plan.profile}/hours.csv`."
    )
    return Section("price", "At what price", [*blocks, Text(text), Room("hours")])


def _prices(prices: pd.DataFrame) -> Table:
    rows = []
    for row in prices.itertuples():
        measured = (row.entropy, row.log_prob_correct, row.log_prob_incorrect, row.log_prob_gap)
        training = [number(value, 3) for value in measured]
        sampled = [number(row.distinct_1_to_5, 3), number(row.answers_per_problem, 2)]
        lengths = [number(100 * row.truncated, 1), number(row.mean_length, 1)]
        rows.append([row.method, *training, *sampled, *lengths])
    header = ["model", "entropy", "log p right", "log p wrong", "right − wrong", "distinct 1–5-grams"]
    header += ["answers a problem", "truncated, %", "tokens"]
    caption = (
        "Entropy and mean token log-probability at the last training step; diversity, truncation and length of the"
        " evaluation's samples, averaged over benchmarks; means over seeds"
    )
    return Table("prices", caption, header, [("", rows)])


def _disagreements(found: pd.DataFrame) -> Table:
    counts = ["both_right", "only_primary", "only_alternative", "both_wrong"]
    groups = [
        (f"{benchmark}: {grader} against {other}", [[row["run"], *(f"{row[c]:,}" for c in counts)] for _, row in rows.iterrows()])
        for (benchmark, grader, other), rows in found.groupby(["benchmark", "grader", "alternative"], sort=False)
    ]  # fmt: skip
    header = ["run", "both right", "only the first", "only the second", "both wrong"]
    caption = "Where a second grader judges otherwise; the first one counts"
    return Table("disagreements", caption, header, groups, folded=True)
