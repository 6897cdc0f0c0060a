"""What `due` says inside a stage that a real `dvc repro` runs, in a project of four small stages."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.project import ROOT, clean_environment

pytestmark = pytest.mark.processes

DVC, PYTHON = ROOT / ".venv/train/bin/dvc", ROOT / ".venv/train/bin/python"
TOLD = """
import json, sys
from pathlib import Path
from stages.common.repro import due

name, source = sys.argv[1:]
told = Path("told.json")
content = json.loads(told.read_text()) if told.exists() else {}
told.write_text(json.dumps({**content, name: due(name)}))
Path(name).write_text(Path(source).read_text() * 2)
"""


def stage(name: str, source: str, module: str = "told") -> dict:
    return {"cmd": f"{PYTHON} -m {module} {name} {source}", "deps": [source], "outs": [name]}


@pytest.fixture(scope="module")
def untouched(tmp_path_factory) -> Path:
    """Three stages of one script, of which `last` depends on another's result, and `other` of a script of its own."""
    folder = tmp_path_factory.mktemp("untouched")
    (folder / "told.py").write_text(TOLD)
    (folder / "unlike.py").write_text(TOLD)
    (folder / "source").write_text("1")
    stages = {
        "first": stage("first", "source"),
        "second": stage("second", "source"),
        "other": stage("other", "second", "unlike"),
        "last": stage("last", "other"),
        "third": stage("third", "source"),
    }
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run([DVC, "init", "-q"], cwd=folder, check=True)
    return folder


@pytest.fixture
def project(untouched: Path, tmp_path: Path) -> Path:
    """A copy of its own for each test: nothing in it names its place."""
    return shutil.copytree(untouched, tmp_path / "project")


def repro(project: Path, *arguments: str) -> dict[str, list[str]]:
    """What each stage was told that ran."""
    (project / "told.json").unlink(missing_ok=True)
    environment = clean_environment() | {"PYTHONPATH": f"{ROOT}:{project}"}
    done = subprocess.run([DVC, "repro", *arguments], cwd=project, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    told = project / "told.json"
    return json.loads(told.read_text()) if told.exists() else {}


def test_the_first_is_told_of_all_whose_inputs_are_ready(project):
    told = repro(project)
    assert told["first"] == ["first", "second", "third"]
    assert told["second"] in (["second"], ["second", "third"])  # as DVC orders them
    assert told["last"] in (["last"], ["last", "third"])
    assert told["other"] == ["other"]


def test_what_is_in_place_or_in_the_run_cache_is_not_due(project):
    repro(project)
    (project / "source").write_text("2")
    repro(project, "second")
    (project / "first").unlink()
    (project / "source").write_text("1")  # DVC has the results of all for this
    assert repro(project) == {}
    (project / "source").write_text("2")
    told = repro(project)
    assert "second" not in told and sorted(max(told.values(), key=len)) == ["first", "third"]


def test_a_target_is_told_of_itself(project):
    assert repro(project, "second") == {"second": ["second"]}
    assert repro(project, "first") == {"first": ["first"]}
    assert repro(project, "-s", "third") == {"third": ["third"]}


def test_several_targets_are_told_of_each_other(project):
    told = repro(project, "third", "first")
    assert sorted(max(told.values(), key=len)) == ["first", "third"]


def test_with_force_all_that_was_asked_for_is_due(project):
    repro(project)
    assert sorted(repro(project, "-f")["first"]) == ["first", "last", "second", "third"]


def test_by_hand_a_stage_is_told_of_itself(project):
    environment = clean_environment() | {"PYTHONPATH": f"{ROOT}:{project}"}
    subprocess.run([PYTHON, "-m", "told", "first", "source"], cwd=project, check=True, env=environment)
    assert json.loads((project / "told.json").read_text()) == {"first": ["first"]}
