"""A report of what is there while other runs still run."""

import shutil

import pytest

from stages.common.files import InputError
from stages.report import build_report
from stages.reporting.inputs.results import load
from tests.report_results import in_one_space, text_of, write_results


def without(folder, *runs, part="grades"):
    for run in runs:
        shutil.rmtree(folder / part / run)


def test_the_largest_set_of_methods_with_the_same_seeds_is_compared(tmp_path):
    folder = write_results(tmp_path, methods=("grpo", "par", "steer"), seeds=(1, 2))
    without(folder, "steer-1")
    results = load(tmp_path, "smoke", partial=True)
    assert [run.name for run in results.runs] == ["base", "grpo-1", "grpo-2", "par-1", "par-2"]
    assert results.missing == ("steer-1",) and results.left_out == ("steer-2",) and not results.undeclared
    without(folder, "par-2", part="train")
    results = load(tmp_path, "smoke", partial=True)
    assert [run.name for run in results.runs] == ["base", "grpo-1", "par-1"]  # more methods before more seeds
    assert results.missing == ("par-2", "steer-1") and results.left_out == ("grpo-2", "steer-2")
    assert results.plan.protocol.aggregation == "1 run"


def test_a_partial_report_says_what_is_missing(tmp_path):
    folder = write_results(tmp_path, methods=("grpo", "par", "steer"))
    without(folder, "steer-1")
    with pytest.raises(InputError, match="steer-1"):
        build_report(tmp_path, "smoke")
    build_report(tmp_path, "smoke", partial=True)
    said = in_one_space((folder / "partial_report/report.md").read_text())
    assert "This report is partial. Declared, and not there yet: `steer-1`" in said and not (folder / "report").exists()
    assert "par" in text_of(folder / "partial_report") and "belongs to no declared run" not in said


def test_a_whole_set_of_runs_is_no_partial_report(tmp_path):
    folder = write_results(tmp_path)
    build_report(tmp_path, "smoke", partial=True)
    assert "partial" not in (folder / "partial_report/report.md").read_text()


def test_nothing_to_compare_is_one_line(tmp_path):
    folder = write_results(tmp_path, methods=("grpo",))
    without(folder, "grpo-1")
    with pytest.raises(InputError, match="no run is trained, sampled and graded yet"):
        load(tmp_path, "smoke", partial=True)
    without(folder, "base")
    with pytest.raises(InputError, match="grade_base@smoke"):
        load(tmp_path, "smoke", partial=True)
