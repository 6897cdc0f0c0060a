"""The documentation site is built whole, and a link that leads nowhere stops it. In the environment that `make docs` builds."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.project import ROOT

MKDOCS = ROOT / ".venv/docs/bin/mkdocs"
PARTS = (
    "README.md",
    "mkdocs.yml",
    "docs",
    "data/lab",
    "data/claims",
    "data/published/README.md",
    "stages/tools/site.py",
)

pytestmark = pytest.mark.skipif(not MKDOCS.is_file(), reason="the environment of `make docs` is not there")


@pytest.fixture
def copy(tmp_path) -> Path:
    for name in PARTS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile)(ROOT / name, tmp_path / name)
    return tmp_path


def build(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run([MKDOCS, "build", "--strict"], cwd=folder, env=known, capture_output=True, text=True)


def test_every_page_is_built_and_links_hold(copy):
    done = build(copy, REPOSITORY="https://example.org/bench")
    assert done.returncode == 0, done.stderr
    site = copy / "work/site"
    for page in (copy / "docs").glob("*.md"):
        assert (site / page.stem / "index.html").is_file(), page
    first = (site / "index.html").read_text(encoding="utf-8")
    assert 'href="first_day/"' in first and 'src="report_entropy.png"' in first and 'href="docs/' not in first
    assert 'href="https://example.org/bench/tree/HEAD/data/lab"' in (site / "lab/index.html").read_text(
        encoding="utf-8"
    )
    outside = [word for word in ("fonts.googleapis", "fonts.gstatic") if word in first]
    assert not outside


def test_without_a_repository_words_stand_without_a_link(copy):
    assert build(copy).returncode == 0
    lab = (copy / "work/site/lab/index.html").read_text(encoding="utf-8")
    assert "data/lab" in lab and "../data/lab" not in lab


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("[gone](docs/gone.md)", "README.md: docs/gone.md leads to no file"),
        ("[gone](docs/data.md#no-such-heading)", "no-such-heading"),
        ("[gone](data/gone)", "data/gone leads to no file"),
    ],
)
def test_a_link_that_leads_nowhere_stops_it(copy, link, said):
    with (copy / "README.md").open("a", encoding="utf-8") as stream:
        stream.write(f"\n{link}\n")
    done = build(copy)
    assert done.returncode != 0 and said in done.stderr + done.stdout


def test_a_page_that_is_in_no_menu_stops_it(copy):
    (copy / "docs/forgotten.md").write_text("# Forgotten\n")
    done = build(copy)
    assert done.returncode != 0 and "forgotten.md" in done.stderr + done.stdout
