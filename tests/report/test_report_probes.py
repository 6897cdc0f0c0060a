"""The report's section on single optimiser steps: it is there with a probe, and its numbers are the probe's."""

import pandas as pd
import pytest

from stages.artifacts.probes import ESTIMATES
from stages.common.files import InputError
from stages.report import build_report
from tests.made_up_probe import NAME, write_made_up
from tests.report_results import write_results


def test_the_section_shows_the_numbers_of_the_probe(tmp_path):
    folder = write_results(tmp_path, probes=[NAME])
    write_made_up(folder / "probes" / NAME)
    build_report(tmp_path, "smoke")
    text = (folder / "report/report.md").read_text()
    section = text.split("What moves entropy")[1].split("\n## ")[0]
    assert (
        "Probe `base.grpo`: steps of grpo from the base model; 3 rollout batches of 2 prompts × 4 responses, 100 tokens"
        in section
    )
    assert (
        "first update, on-policy" in section
        and "update 4 of 4, after the profile's own optimiser made the others" in section
    )
    (line, *_) = [line for line in section.splitlines() if line.startswith("| directional derivative, exact")]
    assert [cell.strip() for cell in line.strip("|").split("|")][1:] == ["0.90 [0.85, 0.95]", "0.90", "0.90", "0.900"]
    (line, *_) = [line for line in section.splitlines() if line.startswith("| A > 0, likely token")]
    assert "−250.000 [−300.000, −200.000]" in line and "| −250.000" in line  # 1/1000 nats, caused and happened
    (line,) = [line for line in section.splitlines() if line.startswith("| 0.1 to 1")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1:] == ["100", "6", "2", "8.00", "57.1"]  # summed over both updates
    table = pd.read_csv(folder / "report/tables/probe_estimates.csv")
    assert set(table["probe"]) == {NAME} and len(table) == 4 * len(ESTIMATES)
    assert (folder / "report/tables/probe_parts_base_grpo.tex").is_file()


def test_the_decomposition_is_shown_at_a_step_of_usual_length(tmp_path):
    folder = write_results(tmp_path, probes=[NAME])
    write_made_up(folder / "probes" / NAME)
    build_report(tmp_path, "smoke")
    section = (folder / "report/report.md").read_text().split("What moves entropy")[1]
    assert "sgd, learning rate 0.001: by sign" in section and "sgd, learning rate 0.1: by sign" not in section


def test_one_batch_has_no_interval(tmp_path):
    folder = write_results(tmp_path, probes=[NAME])
    write_made_up(folder / "probes" / NAME, batches=1)
    build_report(tmp_path, "smoke")
    section = (folder / "report/report.md").read_text().split("What moves entropy")[1]
    (line, *_) = [line for line in section.splitlines() if line.startswith("| directional derivative, exact")]
    assert "0.90" in line and "[" not in line


def test_a_report_without_probes_has_no_such_section(tmp_path):
    folder = write_results(tmp_path)
    build_report(tmp_path, "smoke")
    assert "What moves entropy" not in (folder / "report/report.md").read_text()
    assert not list((folder / "report/tables").glob("probe_*"))


def test_a_declared_probe_that_is_missing_is_named(tmp_path):
    write_results(tmp_path, probes=[NAME])
    with pytest.raises(InputError, match="run stage diagnose for base.grpo"):
        build_report(tmp_path, "smoke")
