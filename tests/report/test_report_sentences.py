"""What the report says holds for the data that it has, and is not said of data that are otherwise."""

from pathlib import Path

import pandas as pd
import pytest

from stages.common.files import read_json, read_jsonl, write_json, write_jsonl
from stages.report import measure
from stages.reporting.figures.draw import draw
from stages.reporting.figures.drawn_data import drawn_data
from stages.reporting.inputs.results import load
from stages.reporting.render.markdown import render_markdown
from stages.reporting.sections.blocks import Table
from stages.reporting.sections.content import all_sections, summary
from stages.reporting.tables.steps import ends, grows_from, window
from tests.report_results import in_one_space, write_results


def said(folder: Path, profile: str = "smoke") -> str:
    results = load(folder, profile)
    sections = all_sections(results, measure(results), None)
    return in_one_space(render_markdown("title", summary(results), sections))


def change_steps(folder: Path, run: str, change) -> None:
    path = folder / f"train/{run}/steps.jsonl"
    write_jsonl(path, [change(dict(row)) for row in read_jsonl(path)])


def test_where_distinct_n_grams_were_measured(tmp_path):
    """Short answers have no five words: then the mean is over fewer benchmarks than that of the other columns."""
    both = {"lab_sum": 6, "lab_chain": 6}
    folder = write_results(tmp_path, benchmarks=both)
    assert "mean over all 2 benchmarks. Means over seeds" in said(tmp_path)
    for run in ("base", "grpo-1", "par-1"):
        path = folder / f"grades/{run}/scores.json"
        scores = read_json(path)
        del scores["lab_sum"]["diversity"]["distinct_1_to_5"]
        write_json(path, scores)
    assert "mean over all 2 benchmarks, distinct n-grams on `lab_chain`. Means over seeds" in said(tmp_path)


def test_one_benchmark_is_not_called_an_average(tmp_path):
    write_results(tmp_path)
    assert "mean over `lab_sum`. Means over seeds" in said(tmp_path)


@pytest.mark.parametrize("steps, size", [(1, 1), (3, 1), (6, 3), (18, 3), (200, 20)])
def test_beginning_and_end_are_means_of_several_steps(steps, size):
    assert window(steps) == size <= max(1, steps // 2)


def test_the_answer_and_the_table_of_training_tell_of_the_same_steps(tmp_path):
    folder = write_results(tmp_path, steps=18)
    change_steps(folder, "grpo-1", lambda row: row | {"reward": float(row["step"])})
    text = said(tmp_path)
    assert "entropy and reward: mean of the first 3 steps → mean of the last 3 steps; " in text
    assert (
        "Training: mean of the first 3 steps → mean of the last 3 steps; clipped" in text
        and text.count("2.00 → 17.00") == 2
    )
    assert ends(load(tmp_path, "smoke").steps, "reward")["grpo"] == (2.0, 17.0)
    short = write_results(tmp_path, "short", steps=2)
    change_steps(short, "grpo-1", lambda row: row | {"reward": float(row["step"])})
    assert "entropy and reward: first step → last step; " in said(tmp_path, "short")


def made_up(**series):
    rows = [
        {"method": method, "seed": seed, "step": step, "gap": value * (0.5 if seed == 1 else 1.5)}
        for method, values in series.items()
        for seed in (1, 2)
        for step, value in enumerate(values, 1)
    ]
    return pd.DataFrame(rows)


def test_from_which_step_a_quantity_has_grown():
    """Means over seeds; twice the mean of the first three steps is 2."""
    start = [1.0, 1.0, 1.0]
    steps = made_up(
        none=[*start, 1.9, 1.0, 1.9, 1.9, 2.0, 1.9],
        growing=[*start, 1.5, 3.0, 1.9, 2.1, 2.5, 9.0],  # step 5 does not stay
        outlier=[*start, 1.0, 9.0, 1.0, 1.0, 1.0, 1.0],
        at_the_end=[*start, 1.0, 1.0, 1.0, 1.0, 1.0, 9.0],
    )
    assert grows_from(steps, "gap", 2) == {"none": None, "growing": 7, "outlier": None, "at_the_end": None}
    assert grows_from(steps[steps["step"] <= 5], "gap", 2)["growing"] is None


def test_the_report_says_where_the_gap_to_the_engine_grows(tmp_path):
    folder = write_results(tmp_path, steps=18)
    assert "1e-06 → 1e-06. None grows to 2 times its first and stays." in said(tmp_path)
    grown = {"engine_log_prob_difference": 5e-6}
    change_steps(folder, "grpo-1", lambda row: row | (grown if row["step"] > 10 else {}))
    text = said(tmp_path)
    assert "grpo 1e-06 → 5e-06, more than 2 times the first from step 11 on; par 1e-06 → 1e-06." in text
    assert "None grows" not in text


def test_a_quantity_that_is_logged_late_says_when(tmp_path):
    folder = write_results(tmp_path, steps=12)
    assert "| weight | 0.1250 | 0.1250 | 1.5000 | 1.5000 |" in said(tmp_path)

    def from_ten_to_eleven(row: dict) -> dict:
        return row if row["step"] in (10, 11) else {name: v for name, v in row.items() if name != "method_weight"}

    change_steps(folder, "par-1", from_ten_to_eleven)
    assert "| weight | 1.2500 (step 10) | 1.2500 | 1.3750 | 1.3750 (step 11) |" in said(tmp_path)


def test_clipping_is_told_as_it_was_measured(tmp_path):
    folder = write_results(tmp_path)
    assert "0.15 % of the tokens are clipped" in said(tmp_path)
    for run in ("grpo-1", "par-1"):
        change_steps(folder, run, lambda row: row | {"clip_fraction_high": 0.0, "clip_fraction_low": 0.0})
    text = said(tmp_path)
    assert "0.00 % of the tokens are clipped" in text and "what they do to clipped tokens" not in text


def test_scores_stand_against_entropy_from_zero_with_their_intervals(tmp_path):
    write_results(tmp_path, seeds=(1, 2, 3))
    results = load(tmp_path, "smoke")
    tables = measure(results)
    drawable = drawn_data(results, tables, None)
    rows = drawable["prices"].dropna(subset=["score", "low", "high"])
    assert len(rows) and ((rows["low"] <= rows["score"]) & (rows["score"] <= rows["high"])).all()
    score, diversity = draw(results, tables, drawable)["entropy_against"].panels
    for panel in (score, diversity):
        dots = next(layer for layer in panel["layer"] if layer["mark"]["type"] == "point")
        assert all(dots["encoding"][axis]["scale"]["zero"] for axis in ("x", "y"))
    assert any(layer["mark"]["type"] == "rule" for layer in score["layer"])
    assert not any(layer["mark"]["type"] == "rule" for layer in diversity["layer"])


@pytest.mark.parametrize("settings", [{}, {"methods": ("par",)}, {"benchmarks": {}}, {"seeds": (1, 2, 3)}])
def test_no_table_has_a_column_without_anything_in_it(tmp_path, settings):
    write_results(tmp_path, **settings)
    results = load(tmp_path, "smoke")
    for section in all_sections(results, measure(results), None):
        for table in (block for block in section.blocks if isinstance(block, Table)):
            rows = [row for _, rows in table.groups for row in rows]
            for name, *cells in zip(table.header, *rows, strict=True):
                assert not cells or any(cell not in ("", "·") for cell in cells), (table.name, name)


def test_one_seed_is_paired_by_sample_and_three_by_seed(tmp_path):
    write_results(tmp_path)
    assert "paired samples" in said(tmp_path)
    write_results(tmp_path, "three", seeds=(1, 2, 3))
    text = said(tmp_path, "three")
    assert "paired samples" not in text and "“seeds”: mean ± t·sd/√3 over the training seeds" in text


def test_without_grpo_nothing_is_said_of_gains(tmp_path):
    write_results(tmp_path, methods=("par",))
    text = said(tmp_path)
    assert "grpo is not among the methods, so there are no gains over it" in text and "with an interval" not in text
