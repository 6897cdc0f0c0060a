"""The locks are complete and carry no addresses; a wrong Python is refused before anything is built."""

import os
import re
import subprocess

import pytest

from stages.backend.environment import VERSIONS, assert_versions
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
        [ROOT / "locks/build.sh", "train", "locks/train.lock"],
        cwd=ROOT,
        env={**os.environ, "PYTHON": str(python)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and said in done.stderr and "PYTHON=" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
