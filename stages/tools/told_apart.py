"""Which of the lab's methods are told apart: in entropy, style and reward, over all pairs together. Pure."""

from itertools import combinations

import pandas as pd

from stages.artifacts.steps import COLUMNS
from stages.claims.measures import value_at, window_of
from stages.claims.quantities import Measured
from stages.reporting.figures.drawn_data import progress_rows, rounded
from stages.reporting.figures.models import ends_of_a_crowd, lines_of
from stages.reporting.figures.progress import progress_panels
from stages.reporting.figures.specification import Figure, svg
from stages.reporting.sections.blocks import Block, Picture, Section, Table, Text
from stages.reporting.sections.numbers import count_of, number
from stages.reporting.tables.gains import REFERENCE
from stages.statistics import honest_difference

MEASURES = ("entropy", "entropy_style", "reward")
LEVEL = 0.95
APART = "*"  # beside a number that is told apart from GRPO's


def methods_section(measured: Measured, picture: str) -> Section:
    """`picture`: the name of the figure that `progress_picture` draws."""
    ends = {measure: at_the_end(measured, measure) for measure in MEASURES}
    least = {measure: honest_difference(table.to_numpy(), LEVEL) for measure, table in ends.items()}
    entropy = ends["entropy"]
    blocks: list[Block] = [
        Text(_said(measured, ends, least)),
        Picture(
            picture,
            "Entropy, entropy of the first token and reward over the steps, a line a method.",
            "Mean over seeds and, shaded, lowest and highest seed. In colour: GRPO, the two methods whose entropy ends lowest and the"
            " four whose entropy ends highest.",
        ),
    ]
    start = at_the_end(measured, "entropy", "start").mean(axis=1)
    order = entropy.mean(axis=1).sort_values(ascending=False, kind="stable").index
    rows = [
        [method, number(entropy.loc[method].mean() / start[method], 2)]
        + [_cell(table, method, least[measure]) for measure, table in ends.items()]
        + [str(sum(_differ(entropy, method, other, least["entropy"]) for other in order))]
        for method in order
    ]
    header = [
        "method",
        "entropy, of its start",
        *(COLUMNS[measure].title for measure in MEASURES),
        "methods of another entropy",
    ]
    caption = f"Means of the last five steps over seeds; {APART}: told apart from GRPO's"
    return Section(
        "methods", "Which methods differ", [*blocks, Table("lab_methods", caption, header, [("", rows)], words=1)]
    )


def at_the_end(measured: Measured, measure: str, at: str = "end") -> pd.DataFrame:
    """[methods, seeds]: the measure at the end of each run, of those methods and seeds that are most runs without a gap."""
    rows = {
        method: {seed: value_at(measured.of(method, seed), measure, window_of(at)) for seed in measured.seeds([method])}
        for method in measured.methods
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    most_run = table.count().sort_values(ascending=False, kind="stable").index
    blocks = [table[most_run[:seeds]].dropna() for seeds in range(1, len(most_run) + 1)]
    return max(blocks, key=lambda block: block.size)


def progress_picture(measured: Measured) -> str:
    """The three measures over the steps as SVG."""
    steps, last = measured.steps, int(measured.steps["step"].max())
    lines = lines_of(measured.methods)
    chosen = ends_of_a_crowd(steps[steps["step"] == last])
    figure = Figure(progress_panels(MEASURES, last, lines), "steps", len(MEASURES))
    drawn = progress_rows(steps[["method", "step", *MEASURES]]).map(rounded)
    return svg(figure, [method for method in measured.methods if method in chosen], {"steps": drawn})


def _said(measured: Measured, ends: dict[str, pd.DataFrame], least: dict[str, float]) -> str:
    methods, seeds = ends["entropy"].shape
    pairs = list(combinations(ends["entropy"].index, 2))
    told = [
        f"in {COLUMNS[measure].label} {sum(_differ(table, *pair, least[measure]) for pair in pairs):,}, which differ by more than"
        f" {number(least[measure], 3)}"
        for measure, table in ends.items()
    ]
    left_out = len(measured.methods) - methods
    return (
        f"Of {count_of(len(pairs), 'pair')} of {methods} methods with {seeds} seeds each, these are told apart: {'; '.join(told)}. That"
        f" is Tukey's honest difference: were all methods alike, one time in {round(1 / (1 - LEVEL))} any pair at all would differ by"
        " more. What a seed does to all methods alike cancels, and all methods are taken to spread alike over seeds."
        + (f" Left out: {count_of(left_out, 'method')} without these seeds." if left_out else "")
    )


def _differ(table: pd.DataFrame, one: str, other: str, least: float) -> bool:
    return bool(abs(table.loc[one].mean() - table.loc[other].mean()) > least)


def _cell(table: pd.DataFrame, method: str, least: float) -> str:
    return number(table.loc[method].mean(), 3) + (APART if _differ(table, method, REFERENCE, least) else "")
