"""The example of docs/first_day.md: published numbers of a benchmark of one's own, as it stands there."""

import json
import re

import pytest
import yaml

from stages.common.files import InputError
from stages.common.yaml_reader import safe_load
from stages.published.table import load_published
from stages.tools.estimate import main as estimate
from tests.project import ROOT

PROFILE = "profiles/mine.yaml"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The project with the files that the document shows, and a benchmark that it shows before."""
    text = (ROOT / "docs/first_day.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"```\w+\n# (\S+)\n(.*?)```", text, re.DOTALL))
    for name in ("locks", "stages"):
        (tmp_path / name).symlink_to(ROOT / name)
    for folder in ("data", "data/published", "data/protocols", "profiles", "my"):
        (tmp_path / folder).mkdir()
        for path in (ROOT / folder).glob("*") if (ROOT / folder).is_dir() else ():
            if path.name not in ("published", "protocols"):
                (tmp_path / folder / path.name).symlink_to(path)
    changes = safe_load(shown.pop(PROFILE))
    for path, content in shown.items():
        (tmp_path / path).write_text(content)
    problems = [json.dumps({"problem": f"What is {n} + {n}?", "answer": str(2 * n)}) for n in range(8)]
    (tmp_path / "my/exam.jsonl").write_text("\n".join(problems))
    (own,) = re.findall(r"^ +(own_exam: .*)$", text, re.MULTILINE)
    profile = safe_load((ROOT / "profiles/single-gpu.yaml").read_text()) | changes
    profile["data"]["own"] = safe_load(own)
    (tmp_path / PROFILE).write_text(yaml.safe_dump(profile))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_its_number_can_get_a_verdict(here, capsys):
    estimate([PROFILE])
    assert re.search(r"\| our-report, results +\| +1 \| +1 \|", capsys.readouterr().out)


def test_a_protocol_that_there_is_not_is_named(here):
    path = here / "data/published/our-report.yaml"
    path.write_text(path.read_text().replace("our-exam", "our-exams"))
    with pytest.raises(InputError, match=r"our-report\.yaml: protocol: 'our-exams' is no file of data/protocols"):
        load_published()
