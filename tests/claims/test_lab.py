"""The lab's kept results: the document is what they give, and this code still gives them."""

import json
from pathlib import Path

import pytest

from stages.artifacts.steps import line_of
from stages.claims.schema import read_claims
from stages.tools.ledger import CLAIMS, DOCUMENT, FIGURE, KEPT, read, written
from stages.tools.rerun import differences
from tests.project import ROOT, copy_project, run


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_the_document_is_what_the_kept_results_give():
    document, figure = written(KEPT, CLAIMS)
    assert DOCUMENT.read_text(encoding="utf-8") == document
    assert FIGURE.read_text(encoding="utf-8") == figure


def test_the_kept_steps_are_whole_and_of_declared_runs():
    kept, origin = read(KEPT)
    assert set(origin) == {"commit", "packages", "processor"}
    for (_, _), steps in kept.steps.groupby(["method", "seed"]):
        assert steps["step"].tolist() == list(range(1, len(steps) + 1))
        line_of(steps.iloc[0].drop(["run", "method", "seed"]).dropna().map(float).to_dict())
    claimed = {
        run for path in CLAIMS.glob("*.yaml") for claim in read_claims(path).claims.values() for run in claim.runs
    }
    assert set(kept.methods) <= claimed | {"positive_flipped"}


def test_a_step_that_moved_is_told():
    kept, _ = read(KEPT)
    expected = kept.of("grpo", 1).head(3)
    lines = [
        {name: value for name, value in row.dropna().items() if name not in ("run", "method", "seed")}
        for _, row in expected.iterrows()
    ]
    assert differences(expected, lines, exactly=True) == []
    lines[1] = lines[1] | {"reward": lines[1]["reward"] + 1e-9}
    assert len(differences(expected, lines, exactly=True)) == 1
    assert differences(expected, lines, exactly=False) == []


@pytest.mark.slow
def test_a_run_of_the_lab_gives_what_is_kept_of_it(tmp_path, with_data_and_model):
    project = copy_project(tmp_path / "project")
    with_data_and_model(project, "lab")
    again = run(project, "python", "-m", "stages.tools.rerun", "grpo-1")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "grpo-1: as kept" in again.stdout and json.loads(Path(KEPT, "origin.json").read_text())["commit"]
