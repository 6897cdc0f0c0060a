"""The report's section on what a method costs: entropy, diversity, calibration, truncation; where the hours are."""

import pandas as pd

from stages.reporting.inputs.results import Results
from stages.reporting.sections.blocks import Block, Group, OnDemand, Picture, Section, Table, Text
from stages.reporting.sections.numbers import number


def price_section(results: Results, tables: dict[str, pd.DataFrame]) -> Section:
    """`tables`: those of `stages.report.measure`."""
    prices = tables["prices"]
    blocks: list[Block] = []
    if (prices["entropy"].notna() & (prices["score"].notna() | prices["distinct_1_to_5"].notna())).any():
        blocks.append(
            Picture(
                "entropy_against",
                "Score and diversity against the entropy at the last step, a point a model; the numbers are in the"
                " tables of scores and of prices.",
                "Is entropy worth having? Score with its 95 % interval, and diversity, against the entropy at the last"
                " training step.",
            )
        )
    blocks.append(_prices(prices, tables["samples"]))
    if "log_prob_correct" in results.steps or "log_prob_incorrect" in results.steps:
        blocks.append(
            Picture(
                "calibration",
                "Mean token log-probability of right and of wrong training responses over steps, and their difference;"
                " values at the last step are in the table of prices.",
                "Calibration: how sure the policy is of right and of wrong responses (mean log-probability a token). The"
                " smaller the difference, the less its certainty tells right from wrong.",
            )
        )
    if len(tables["reliability"]):
        blocks.append(
            Picture(
                "reliability",
                "Share of problems whose most frequent answer is right against the share of samples that give it, a line a"
                " model and a panel a benchmark.",
                "Reliability: of the problems on which a share of the samples agrees (by tenths), how often the answer they"
                " agree on is right. A model that is as sure as it is right lies on the diagonal. The numbers are in"
                " tables/reliability.csv.",
            )
        )
    if len(tables["disagreements"]):
        blocks.append(_disagreements(tables["disagreements"]))
    if not results.methods:
        return Section("price", "At what price", blocks)
    text = (
        "Hours differ from run to run and machine to machine, so they are not part of this page. They are beside the"
        f" report, in `results/{results.plan.profile}/hours.csv`."
    )
    return Section("price", "At what price", [*blocks, Text(text), OnDemand("hours")])


def _prices(prices: pd.DataFrame, counts: pd.DataFrame) -> Table:
    rows = []
    for row in prices.itertuples():
        measured = (row.entropy, row.log_prob_correct, row.log_prob_incorrect, row.log_prob_gap)
        training = [number(value, 3) for value in measured]
        sampled = [number(value, 3) for value in (row.distinct_1_to_5, row.self_bleu, row.self_bleu_right)]
        sampled += [number(row.answers_per_problem, 2), number(row.answer_entropy, 2)]
        sampled += [number(row.expected_calibration_error, 3), number(row.brier_score, 3)]
        lengths = [number(100 * row.truncated, 1), number(row.mean_length, 1)]
        rows.append([row.method, *training, *sampled, *lengths])
    header = ["model", "entropy", "log p right", "log p wrong", "right − wrong", "distinct 1–5-grams"]
    header += ["self-BLEU", "self-BLEU of right", "answers a problem", "their entropy", "ECE of vote", "Brier of vote"]
    header += ["truncated, %", "length, tokens"]
    caption = f"Of the evaluation's samples, mean over {_places(counts, counts)}{_distinct_on(counts)}"
    if prices["entropy"].notna().any():
        caption = (
            "Left: entropy and mean log-probability of right and wrong responses at the last training step, in nats a"
            f" token. Right: {caption[0].lower()}{caption[1:]}. Means over seeds"
        )
    return Table("prices", caption, header, [("", rows)])


def _distinct_on(counts: pd.DataFrame) -> str:
    """Where distinct n-grams were measured, if not on every benchmark that ran: short answers have no five words."""
    measured = counts[counts["distinct_1_to_5"].notna()]
    if set(measured["benchmark"]) == set(counts["benchmark"]):
        return ""
    return f", distinct n-grams on {_places(measured, counts)}" if len(measured) else ", distinct n-grams on none"


def _places(rows: pd.DataFrame, counts: pd.DataFrame) -> str:
    names = list(dict.fromkeys(rows["benchmark"]))
    ran = counts["benchmark"].nunique()
    return (
        f"all {ran} benchmarks" if len(names) == ran > 1 else ", ".join(f"`{name}`" for name in names) or "no benchmark"
    )


def _disagreements(found: pd.DataFrame) -> Table:
    counts = ["both_right", "only_primary", "only_alternative", "both_wrong"]
    groups: list[Group] = [
        (f"{benchmark}: {grader} against {other}", [[row["run"], *(f"{row[c]:,}" for c in counts)] for _, row in rows.iterrows()])
        for (benchmark, grader, other), rows in found.groupby(["benchmark", "grader", "alternative"], sort=False)
    ]  # fmt: skip
    header = ["run", "both right", "only the first right", "only the second right", "both wrong"]
    caption = "What a second grader says of the same samples; scores are by the first"
    return Table("disagreements", caption, header, groups, folded=True)
