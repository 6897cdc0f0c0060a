"""What stands beside what: `--compare` of profiles and commits, and DVC's own comparisons of the report's files."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from stages.common.files import InputError, read_json, write_json
from stages.report import build_report
from stages.reporting import side_by_side
from tests.browser import chromium
from tests.project import copy_project, run
from tests.report_results import in_one_space, right, write_grades, write_results

pytestmark = pytest.mark.processes


def test_two_profiles_side_by_side(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_results(Path("results"), "one")
    write_results(Path("results"), "two", methods=("par", "steer"), seeds=(1, 2))
    for profile in ("one", "two"):
        build_report(Path("results"), profile)
    side_by_side.main(Path("results"), "one", "two")
    text = in_one_space(capsys.readouterr().out)
    assert "| seeds | 1 | 1, 2 |" in text and "| method.steer.clip_ratio_high | · | 0.2 |" in text
    assert "| version.train.verl |" not in text  # what is the same is not listed
    shares = (np.arange(6) + np.array([[2], [1], [2]])) % 5 / 4  # runs par-1 of one; par-1, par-2 of two
    change = 100 * (shares[1:].mean() - shares[0].mean())
    row = next(line for line in text.splitlines() if line.startswith("| par |"))
    assert f"| {100 * shares[0].mean():.1f} [" in row and row.endswith(f"| {change:+.1f} |".replace("-", "−"))
    page = Path("results/comparisons/one..two.html")
    assert in_one_space(page.with_suffix(".md").read_text(encoding="utf-8")).strip() in text
    with chromium(tmp_path / "browser") as tab:
        tab.send("Page.navigate", url=page.resolve().as_uri())
        tab.wait("document.readyState === 'complete' && document.querySelector('#table-scores .sort') !== null")
        tab.evaluate("document.querySelector('#table-scores .sort').click()")
        assert tab.evaluate("document.querySelector('#table-scores th').ariaSort") == "ascending"
        assert tab.complaints() == [] and tab.requests() == [page.resolve().as_uri()]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A repository in which the report ran twice: committed, and again with other grades for par-1."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    write_results(folder / "results")
    write_json(folder / "results/smoke/probes/declared.json", [])
    # only the stage under test: the others would train
    pipeline = yaml.safe_load((folder / "dvc.yaml").read_text())
    pipeline["stages"] = {"report": pipeline["stages"]["report"]}
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
    reproduce(folder)
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-qm", "first")
    record = write_grades(folder / "results/smoke/grades/par-1/lab_sum.parquet", "lab_sum", 6, 4, right(6, 4, 0))
    path = folder / "results/smoke/grades/par-1/scores.json"
    write_json(path, read_json(path) | {"lab_sum": record.model_dump()})
    reproduce(folder)
    return folder


def git(folder: Path, *command: str) -> None:
    subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)


def reproduce(folder: Path) -> None:
    done = run(folder, "dvc", "repro", "-q")
    assert done.returncode == 0, done.stderr


def test_dvc_compares_metrics_between_commits(project):
    shown = json.loads(run(project, "dvc", "metrics", "diff", "--json").stdout)
    changed = shown["results/smoke/report/metrics.json"]
    averages = [((np.arange(6) + number) % 5 / 4).mean() for number in (2, 0)]
    key = "par-1.lab_sum.avg_at_4"
    assert (changed[key]["old"], changed[key]["new"]) == pytest.approx(tuple(averages))
    assert not any(name.startswith("grpo-1") for name in changed)


def test_dvc_plots_a_line_a_commit_and_a_panel_a_run(project):
    shown = json.loads(run(project, "dvc", "plots", "diff", "HEAD", "--json").stdout)["data"]
    assert set(shown) == {"entropy", "reward", "response_length"}
    content = shown["entropy"][0]["content"]
    content = json.loads(content) if isinstance(content, str) else content
    values = content["data"]["values"]
    assert {(row["rev"], row["run"]) for row in values} == {
        (revision, name) for revision in ("workspace", "HEAD") for name in ("grpo-1", "par-1")
    }
    assert content["facet"]["field"] == "run" and content["spec"]["encoding"]["color"]["field"] == "rev"


def test_commit_beside_profile(project):
    done = run(project, "python", "-m", "stages.report", "--compare", "HEAD", "smoke")
    assert done.returncode == 0, done.stderr
    assert "All settings and recorded versions are the same." in done.stdout
    row = next(line for line in in_one_space(done.stdout).splitlines() if line.startswith("| par |"))
    old, new = (100 * ((np.arange(6) + number) % 5 / 4).mean() for number in (2, 0))
    assert f"| {old:.1f} [" in row and f"| {new:.1f} [" in row
    assert (project / "results/comparisons/HEAD..smoke.html").is_file()


def test_report_that_cannot_be_had_is_named(project, monkeypatch):
    monkeypatch.chdir(project)
    with pytest.raises(InputError, match="--compare nothing: give a profile with a report in results/, or a commit"):
        side_by_side.read(Path("results"), "nothing")
    with pytest.raises(InputError, match="HEAD:other: that commit's report on other is not in DVC's cache"):
        side_by_side.read(Path("results"), "HEAD:other")
