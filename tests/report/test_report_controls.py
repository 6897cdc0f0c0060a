"""The report sets each method against its control, and says no more than the seeds show."""

import csv

import numpy as np
import pytest
from scipy.stats import ttest_rel

from stages.report import build_report
from stages.reporting.inputs.results import load
from stages.reporting.sections.blocks import Text
from stages.reporting.sections.controls import controls_section
from stages.reporting.tables.controls import against_controls
from tests.report_results import text_of, write_results

METHODS = ("grpo", "clip_cov", "clip_cov_random")
SHARES = {  # of right samples, by seed
    "grpo": (0.5, 0.52, 0.54),
    "clip_cov": (0.6, 0.61, 0.65),
    "clip_cov_random": (0.58, 0.63, 0.64),
}


def written(folder, seeds=(1, 2, 3), shares=SHARES, lone=False, methods=METHODS):
    settings = {
        f"{name}-{seed}": {
            "share": 0.1 if not lone or name != "clip_cov" else 0.2,
            "control": "random_same_count" if name.endswith("random") else "none",
        }
        for name in methods
        for seed in seeds
    }
    write_results(
        folder,
        methods=methods,
        seeds=seeds,
        benchmarks={"lab_sum": 50},
        absent=(),
        share=lambda run, _: shares[run.rpartition("-")[0]][int(run.rpartition("-")[2]) - 1] if "-" in run else 0.3,
        method_of={name: name.removesuffix("_random") for name in methods},
        method_settings=settings,
    )
    results = load(folder, "smoke")
    table = against_controls(results)
    section = controls_section(results, table)
    return table.to_dict("records"), "\n".join(block.text for block in section.blocks if isinstance(block, Text))


def test_a_method_less_its_control_is_paired_by_seed(tmp_path):
    rows, text = written(tmp_path, methods=METHODS[1:])
    paired = ttest_rel(SHARES["clip_cov"], SHARES["clip_cov_random"])  # of two methods the variance is the pairs' own
    low, high = paired.confidence_interval()
    assert {(row["method"], row["reference"], row["control"]) for row in rows} == {
        ("clip_cov", "clip_cov_random", "random_same_count")
    }
    for row in rows:
        expected = np.mean(SHARES["clip_cov"]) - np.mean(SHARES["clip_cov_random"])
        assert float(row["value"]) == pytest.approx(expected)
        assert (float(row["low"]), float(row["high"])) == pytest.approx((low, high))
    assert "No difference is shown between clip_cov and its control clip_cov_random" in text


def test_a_criterion_that_mattered_and_one_that_did_harm(tmp_path):
    better = SHARES | {"clip_cov_random": (0.5, 0.51, 0.55)}
    _, text = written(tmp_path / "better", shares=better)
    assert "The criterion of clip_cov mattered: it scores 10.0 points more than its control clip_cov_random." in text
    worse = SHARES | {"clip_cov_random": (0.7, 0.71, 0.75)}
    _, text = written(tmp_path / "worse", shares=worse)
    assert "The criterion of clip_cov did harm: it scores 10.0 points less" in text


def test_one_seed_says_nothing_of_a_criterion(tmp_path):
    _, text = written(tmp_path, seeds=(1,), shares=SHARES | {"clip_cov_random": (0.2,)})
    assert (
        "there is one seed, for which clip_cov scores 40.0 points more" in text
        and "criterion of clip_cov mattered" not in text
    )


def test_a_control_without_its_method_is_named(tmp_path):
    rows, text = written(tmp_path, lone=True)
    assert (
        rows == []
        and "clip_cov_random is under a control, but no run of the same settings without it is declared." in text
    )


def test_the_section_is_there_only_with_a_control(tmp_path):
    written(tmp_path)
    write_results(tmp_path, "plain")
    for profile, there in (("smoke", True), ("plain", False)):
        build_report(tmp_path, profile)
        report = tmp_path / profile / "report"
        assert ("Did the criterion matter" in text_of(report)) == there
        assert len(list(csv.DictReader((report / "tables" / "controls.csv").open()))) == (2 if there else 0)
