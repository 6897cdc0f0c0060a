"""The table of all sources: what it counts, and that the one in the documentation is that of the real files."""

import json
from pathlib import Path

import pytest

from stages.datasets.assembly import read_raw
from stages.datasets.audit import DOCUMENT, OwnFile, answer_kind, audit, audit_own, markdown
from stages.datasets.sources import load_sources
from stages.prepare import main
from tests.mirror import MIRROR, with_mirror
from tests.small_mirror import ROOT, small_mirror, write_table


def table(document, first):
    """First column -> cells by column, of the table whose first column is `first`."""
    lines = document[document.index(f"| {first} ") :].split("\n\n")[0].splitlines()
    cells = [[cell.strip() for cell in text.strip("|").split("|")] for text in lines]
    return {row[0]: dict(zip(cells[0], row, strict=True)) for row in cells[2:]}


def licences(document):
    return table(document[document.index("## Licences") :], "data set")


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mirror")
    return audit(small_mirror(folder), folder)


def test_every_set_is_described(document):
    sources = load_sources(ROOT / "data/sources.yaml")
    assert set(table(document, "data set")) == {name for name, source in sources.items() if source.use != "grading"}
    assert set(sources) - set(table(document, "data set")) == {"punkt_tab"} <= set(licences(document))


def test_rows_duplicates_conflicts_languages_and_answers(document):
    dapo = table(document, "data set")["dapo_math_17k"]
    assert dapo == {
        "data set": "dapo_math_17k", "for": "training", "rows": "10", "distinct problems": "6", "duplicates": "1",
        "in conflict": "2", "otherwise dropped": "no question 1", "mended": "leftover prompt 1", "Chinese": "16.7%",
        "answers": "integer 6",
    }  # fmt: skip
    assert table(document, "data set")["humaneval"]["answers"] == "code 1"


def test_overlap_is_by_text_by_grams_and_with_the_same_answer(document):
    overlap = table(document, "evaluation set")
    assert overlap["amc23_40"]["dapo_math_17k"] == "1 / 2 (1)"
    assert overlap["math500"]["math_test_5000"] == "1 / 1 (1)"
    assert overlap["aime25"]["dapo_math_17k"] == ""


def test_own_files_are_audited_beside_the_sets_of_the_table(tmp_path):
    sources = small_mirror(tmp_path)
    evaluated = read_raw(sources["amc23_40"], sources, tmp_path).rows[0]
    rows = [
        {"problem": evaluated["problem"], "answer": evaluated["answer"]},
        {"problem": "What is 1 + 1?", "answer": "2"},
    ]
    for name in ("mine", "exam"):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    own = {
        "own_mine": OwnFile(str(tmp_path / "mine.jsonl"), "", "training"),
        "own_exam": OwnFile(str(tmp_path / "exam.jsonl"), "", "evaluation"),
    }
    text = audit_own(own, ["own_mine"], sources, tmp_path)
    assert table(text, "data set").keys() == own.keys()
    assert table(text, "data set")["own_mine"]["distinct problems"] == "2"
    assert table(text, "evaluation set")["amc23_40"]["own_mine"].startswith("1 / ")
    assert table(text, "evaluation set")["own_exam"]["own_mine"].startswith("2 / ")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("-12", "integer"), ("10,080", "integer"), ("0.5", "decimal"), ("5.3e-9", "decimal"), (r"\frac{3}{4}", "fraction"),
        (r"-\frac34", "fraction"), ("3/4", "fraction"), (r"\text{even}", "text"), ("Evelyn", "text"), ("$7$", "integer"),
        (r"\frac{x}{4}", "expression"), ("x+1", "expression"), (r"(3, \pi)", "expression"),
    ],
)  # fmt: skip
def test_kinds_of_answers(answer, kind):
    assert answer_kind({"answer": answer}) == kind
    assert answer_kind({"answer": answer, "tests": "assert 1"}) == "code"
    assert answer_kind({"answer": answer, "instructions": []}) == "instructions"


def test_a_bar_in_a_cell_does_not_part_it():
    assert markdown([{"a": "x|y"}]).endswith("\n| x\\|y |\n")


def test_one_command_prints_the_table_and_writes_it(tmp_path, monkeypatch, capsys):
    write_table(tmp_path / "data/sources.yaml", small_mirror(tmp_path / "mirror"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIRROR", "mirror")
    main(["--audit"])
    assert not DOCUMENT.exists()
    main(["--audit", "--write"])
    assert capsys.readouterr().out == DOCUMENT.read_text()


@with_mirror
def test_the_documentation_carries_the_table_of_the_real_files():
    written = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    fresh = audit(load_sources(ROOT / "data/sources.yaml"), Path(MIRROR))
    assert written == fresh, "stale: MIRROR=<folder> .venv/train/bin/python -m stages.prepare --audit --write"
