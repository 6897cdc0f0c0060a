"""The locks are complete and carry no addresses; each has a folder of its own, which nothing that runs in it loses."""

import mmap
import os
import re
import shutil
import subprocess
import sys

import pytest

from stages.backend.environment import VERSIONS, assert_versions
from stages.profile.params import load
from tests.project import ROOT


def pins(lock: str) -> dict[str, str]:
    """Package -> version of a lock; fails on a line that is neither a pin nor one of its hashes."""
    found, text = {}, (ROOT / "locks" / lock).read_text().replace("\\\n", " ")
    for line in filter(None, text.splitlines()):
        match = re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[a-z0-9,_]+\])?==(\S+)((?: +--hash=sha256:[0-9a-f]{64})+) *", line)
        assert match, f"{lock}: {line[:100]}"
        found[match[1].lower()] = match[2]
    return found


@pytest.mark.parametrize("lock", ["train.lock", "eval.lock", "gpu.lock"])
def test_every_package_is_pinned_with_hashes_and_without_addresses(lock):
    assert len(pins(lock)) > 80
    assert "://" not in (ROOT / "locks" / lock).read_text()


@pytest.mark.parametrize("platform, lock", [("cpu", "train.lock"), ("cuda", "gpu.lock")])
def test_asserted_versions_are_the_locked_ones(platform, lock):
    locked = pins(lock)
    assert {name: locked[name.lower()] for name in VERSIONS[platform]} == VERSIONS[platform]


def test_locks_hold_what_a_person_asked_for():
    for name in ("train", "eval", "gpu"):
        asked = re.findall(
            r"^([A-Za-z0-9._-]+)(?:\[.*\])?==(\S+)", (ROOT / f"locks/{name}.in").read_text(), re.MULTILINE
        )
        locked = pins(f"{name}.lock")
        assert asked and all(locked[package.lower()] == version for package, version in asked)


def test_evaluation_cannot_pick_up_the_older_antlr():
    assert pins("eval.lock")["antlr4-python3-runtime"] == "4.13.2"
    assert pins("train.lock")["antlr4-python3-runtime"].startswith("4.9.")


def test_the_installed_versions_are_the_pinned_ones():
    assert assert_versions("cpu")["verl"] == "0.9.1"


@pytest.mark.parametrize("version, said", [("3.12", "is Python 3.12"), (None, "is not there")])
def test_another_python_is_refused(tmp_path, version, said):
    python = tmp_path / "python"
    if version:
        python.write_text(f"#!/bin/sh\necho {version}\n")
        python.chmod(0o755)
    done = subprocess.run(
        [ROOT / "locks/build.sh", "train"],
        cwd=ROOT,
        env={**os.environ, "PYTHON": str(python)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and said in done.stderr and "PYTHON=" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.fixture
def project(tmp_path):
    """A project with the environment `gpu`, built from another lock than the one that is there."""
    shutil.copytree(ROOT / "locks", tmp_path / "locks")
    library = tmp_path / ".venv/gpu/lib/library.so"
    library.parent.mkdir(parents=True)
    library.write_bytes(b"x" * 100)
    (tmp_path / ".venv/gpu/built-from").write_text("another lock")
    return tmp_path


def shell(project, *command, **environment):
    environment = {**os.environ, "PYTHON": sys.executable, **environment}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("path", sorted((ROOT / "profiles").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_profile_chooses_the_environment(project, path):
    shutil.copyfile(path, project / "params.yaml")
    chosen = shell(project, "locks/environment.sh").stdout.strip()
    assert chosen == {"cpu": "train", "cuda": "gpu"}[load(path).backend.platform]


@pytest.mark.parametrize("text", ["backend: {platform: tpu}", "profile: none", "# platform: cpu"])
def test_a_profile_without_a_known_platform_is_refused(project, text):
    (project / "params.yaml").write_text(text)
    done = shell(project, "locks/environment.sh")
    assert done.returncode == 1 and not done.stdout and "backend.platform" in done.stderr


def test_python_runs_in_the_environment_of_the_platform(project):
    said = shell(project, "locks/python", "cpu", "-c", "1")
    assert (said.returncode, said.stderr) == (1, "error: .venv/train is missing: run make setup\n")
    python = project / ".venv/train/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "%s|" "$0" "$@"')
    python.chmod(0o755)
    said = shell(project, "locks/python", "cpu", "-m", "stages.train", "two words")
    assert said.stdout.endswith(".venv/train/bin/python|-m|stages.train|two words|")


def test_an_environment_that_something_runs_in_is_not_built_again(project):
    library = project / ".venv/gpu/lib/library.so"
    with library.open("r+b") as stream, mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ):
        done = shell(project, "locks/build.sh", "gpu")
    assert done.returncode == 1 and library.exists()
    assert f"processes run in .venv/gpu ({os.getpid()})" in done.stderr


def test_setting_up_for_a_cpu_leaves_the_environment_for_gpus_alone(project):
    """The build of this Python fails when it has removed what was there."""
    python, old = project / "python", project / ".venv/train/old"
    python.write_text('#!/bin/sh\n[ "$1" = -c ] && echo 3.11\n')
    python.chmod(0o755)
    old.mkdir(parents=True)
    assert shell(project, "locks/build.sh", "train", PYTHON=str(python)).returncode
    assert not old.exists() and (project / ".venv/gpu/lib/library.so").exists()
