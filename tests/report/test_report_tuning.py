"""The report shows every setting that was tried, and sets the chosen ones against each other on the benchmarks alone."""

import csv
import shutil

import numpy as np
import pytest
from scipy.stats import ttest_rel

from stages.report import build_report
from stages.reporting.inputs.results import load
from stages.reporting.sections.blocks import Text
from stages.reporting.sections.tuning import tuning_section
from stages.reporting.tables.tuning import grid, tuned_gains
from tests.report_results import effective, text_of, write_results

HELD_OUT, K = "own_tuning", 4
TUNING = {
    "select_on": HELD_OUT,
    "grids": {"grpo": {"learning_rate": [0.001, 0.002]}, "steer": {"weight_min": [0.6, 0.8]}},
}
SHARES = {  # of right samples by seed, on the held-out set and on the benchmark, which would choose steer's other point
    "grpo_1": ((0.5, 0.5, 0.5), (0.3, 0.3, 0.36)),
    "grpo_2": ((0.5, 0.6, 0.7), (0.4, 0.42, 0.44)),
    "steer_1": ((0.7, 0.7, 0.4), (0.5, 0.55, 0.6)),
    "steer_2": ((0.5, 0.5, 0.5), (0.9, 0.9, 0.9)),
}
SEEDS = (1, 2, 3)


def written(folder, more=(), absent=()):
    def share(run, benchmark):
        name, _, seed = run.rpartition("-")
        return SHARES[name][benchmark != HELD_OUT][int(seed) - 1] if name in SHARES else 0.35

    methods = (*more, *SHARES)
    samples = dict.fromkeys(("lab_sum", HELD_OUT), K)
    return write_results(
        folder,
        methods=methods,
        seeds=SEEDS,
        benchmarks={name: 50 for name in samples if name not in absent},
        absent=absent,
        share=share,
        held_out=HELD_OUT,
        protocol=effective("bench", samples),
        method_of={name: name.partition("_")[0] for name in methods},
        method_settings={f"{name}-{seed}": {} for name in methods for seed in SEEDS},
        tuning=TUNING,
    )


def read(folder, partial=False):
    """The two tables, and the section's sentences."""
    results = load(folder, "smoke", partial)
    tried = grid(results)
    gained = tuned_gains(results, tried)
    section = tuning_section(results, tried, gained)
    return tried, gained, "\n".join(block.text for block in section.blocks if isinstance(block, Text))


def test_the_best_mean_over_seeds_on_the_held_out_set_is_chosen(tmp_path):
    written(tmp_path)
    tried, _, _ = read(tmp_path)
    assert dict(zip(tried["point"], tried["chosen"], strict=True)) == {
        "grpo_1": False, "grpo_2": True, "steer_1": True, "steer_2": False,
    }  # fmt: skip
    assert tried["value"].tolist() == pytest.approx([np.mean(of_held_out) for of_held_out, _ in SHARES.values()])
    assert tried["settings"].tolist() == [
        "learning_rate 0.001", "learning_rate 0.002", "weight_min 0.6", "weight_min 0.8",
    ]  # fmt: skip


def test_chosen_settings_are_compared_on_the_benchmarks_and_paired_by_seed(tmp_path):
    written(tmp_path)
    _, gained, _ = read(tmp_path)
    ours, theirs = SHARES["steer_1"][1], SHARES["grpo_2"][1]
    low, high = ttest_rel(ours, theirs).confidence_interval()
    (row,) = gained[gained["benchmark"] == "lab_sum"].to_dict("records")
    assert (row["method"], row["reference"]) == ("steer_1", "grpo_2")
    assert row["value"] == pytest.approx(np.mean(ours) - np.mean(theirs))
    assert (row["low"], row["high"]) == pytest.approx((low, high))
    assert HELD_OUT not in set(gained["benchmark"])


def test_the_held_out_set_is_in_no_other_table(tmp_path):
    report = written(tmp_path) / "report"
    build_report(tmp_path, "smoke")
    for path in (report / "tables").glob("*.csv"):
        with path.open() as stream:
            found = [row for row in csv.DictReader(stream) if HELD_OUT in row.values()]
        assert not found, path
    text = text_of(report)
    assert "Each of 2 methods was trained with 2 settings and 3 seeds each." in text
    assert f"The mean of avg@{K} on {HELD_OUT} chose" in text


def test_a_method_without_a_grid_is_named(tmp_path):
    written(tmp_path, more=("par",))
    assert "Without a choice among settings were trained: par." in read(tmp_path)[2]


def test_nothing_is_chosen_of_a_grid_with_a_run_missing(tmp_path):
    folder = written(tmp_path)
    for part in ("train", "samples", "grades"):
        for seed in SEEDS:
            shutil.rmtree(folder / part / f"steer_2-{seed}")
    tried, gained, text = read(tmp_path, partial=True)
    assert tried.loc[tried["chosen"], "point"].tolist() == ["grpo_2"] and not len(gained)
    assert "Of steer no settings are chosen: not all of its runs are there and graded." in text


def test_nothing_is_chosen_by_what_could_not_be_graded(tmp_path):
    written(tmp_path, absent=(HELD_OUT,))
    tried, _, text = read(tmp_path)
    assert not len(tried) and "Of grpo no settings are chosen" in text
